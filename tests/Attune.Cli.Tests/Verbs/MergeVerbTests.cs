using System.Text.Json;
using Attune.Models;
using Attune.Tests.Models;
using Attune.Torch;

namespace Attune.Cli.Tests.Verbs;

public sealed class MergeVerbTests : IDisposable
{
    private readonly TemporaryFolder _root = new();

    public void Dispose() => _root.Dispose();

    private string Adapter()
    {
        using var scope = TensorScope.Begin();
        using var text = TextModel.Load(TinyTextModel.Write(_root.At("base")), Compute.Cpu);
        using var view = text.Model.With(LoraAdapter.Create(text.Model.Config, new AdapterSettings { Rank = 2 }, new Seed(1), Compute.Cpu));
        using (Autograd.NoGrad())
        {
            foreach (var parameter in view.Parameters)
                parameter.Value.FillInPlace(0.03);
        }

        view.Save(_root.At("adapter"), new() { AddFiles = text.Tokenizer.Save });
        return _root.At("adapter");
    }

    [Fact]
    public async Task A_merged_model_scores_as_its_adapter_does_and_no_longer_needs_the_base()
    {
        var adapter = Adapter();
        var before = await Printed.By("score", adapter, "--text", "the cat", "--json");
        var plain = await Printed.By("score", _root.At("base"), "--text", "the cat", "--json");

        var merged = await Printed.By("merge", adapter, "--out", _root.At("merged"), "--json");

        Assert.Equal(_root.At("merged"), JsonDocument.Parse(merged.Result).RootElement.GetProperty("folder").GetString());
        Directory.Delete(_root.At("base"), recursive: true);
        Assert.Equal(before.Result, (await Printed.By("score", _root.At("merged"), "--text", "the cat", "--json")).Result);
        Assert.NotEqual(before.Result, plain.Result);
        Assert.Equal(2, (await Printed.By("score", adapter, "--text", "the cat")).ExitCode);
    }

    [Fact]
    public async Task What_makes_no_sense_is_refused_and_nothing_is_written()
    {
        var adapter = Adapter();

        Assert.Contains("has no --out, expected the folder of the merged model; name one", (await Printed.By("merge", adapter)).Log);
        var whole = await Printed.By("merge", _root.At("base"), "--out", _root.At("merged"));
        Assert.Equal(2, whole.ExitCode);
        Assert.Contains("has no adapter_config.json, expected the folder of an adapter; a model that is whole needs no merging", whole.Log);
        Assert.False(Directory.Exists(_root.At("merged")));
    }
}
