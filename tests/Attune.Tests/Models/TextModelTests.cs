using Attune.Models;
using Attune.Runs;
using Attune.Tokens;
using Attune.Torch;
using Attune.Torch.Testing;

namespace Attune.Tests.Models;

[NoTensorLeaks]
public sealed class TextModelTests : IDisposable
{
    private readonly TinyText _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void A_folder_saved_again_is_the_same_folder()
    {
        var folder = _tiny.Model();
        using (var text = TextModel.Load(folder, Compute.Cpu))
        using (var copy = text.Copy())
            copy.Save(_tiny.At("again"));

        Assert.Equal(_tiny.Left("model"), _tiny.Left("again"));
        Assert.Contains("tokenizer.json", _tiny.Left("again").Keys);
    }

    [Fact]
    public void End_and_padding_come_from_the_settings_for_sampling_else_from_the_config_else_from_the_tokenizer()
    {
        var tokenizer = Tokenizer.Load(_tiny.Model());
        var config = _tiny.Pretrain.Model.ToConfig(tokenizer.VocabularySize, null, null, DType.Float32);
        using var plain = new TextModel(CausalLm.Create(config, new Seed(1), Compute.Cpu), tokenizer);
        using var own = new TextModel(CausalLm.Create(config with { EndIds = [7, 9], PadId = 3 }, new Seed(1), Compute.Cpu), tokenizer);

        using var usual = new TextModel(CausalLm.Create(config with { EndIds = [7, 9] }, new Seed(1), Compute.Cpu), tokenizer) { Usual = new() { EndIds = [4] } };

        Assert.Equal([4], usual.EndIds);
        Assert.Equal([0], plain.EndIds);
        Assert.Equal([7, 9], own.EndIds);
        Assert.Equal((1, 3), (plain.PaddingId, own.PaddingId));
    }

    [Fact]
    public void A_saved_model_keeps_its_authors_settings_for_sampling()
    {
        var folder = _tiny.Model();
        new GenerationConfig { EndIds = [7, 9], PadId = 3, Temperature = 0.7, TopP = 0.9 }.Write(folder);
        using (var text = TextModel.Load(folder, Compute.Cpu))
        using (var copy = text.Copy())
            copy.Save(_tiny.At("again"));

        Assert.Equal(_tiny.Left("model"), _tiny.Left("again"));
    }

    [Fact]
    public void A_tokenizer_of_another_size_is_refused_before_the_weights_are_read()
    {
        var folder = _tiny.Model();
        BpeTrainer.Train(TinyText.Sentences(9, 1), new() { VocabularySize = 262 }).Save(folder);
        File.WriteAllBytes(Path.Combine(folder, "model.safetensors"), []); // damaged too, which comes second

        var message = Assert.Throws<InputException>(() => TextModel.Load(folder, Compute.Cpu)).Message;

        Assert.StartsWith($"{folder}/tokenizer.json has 1 problem\n  has 262 pieces, expected the ", message);
    }
}
