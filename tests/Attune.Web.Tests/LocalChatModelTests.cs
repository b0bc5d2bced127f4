using Attune.Models;
using Attune.Runs;
using Attune.Tests;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;
using Attune.Web.Chat;

namespace Attune.Web.Tests;

public sealed class LocalChatModelTests
{
    [Fact]
    public async Task A_model_folder_answers_twice_the_same_for_the_same_seed_whoever_else_asks()
    {
        var folder = Directory.CreateTempSubdirectory("attune-chat-");
        try
        {
            Save(folder.FullName);
            using var model = LocalChatModel.Load(folder.FullName, new ComputeSettings { Threads = 1 });

            var all = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => model.SampleAsync(Request("Hello.", 5), CancellationToken.None)));
            var other = await model.SampleAsync(Request("Hello.", 6), CancellationToken.None);

            Assert.Equal(2, all[0].Count);
            Assert.NotEqual(all[0][0], all[0][1]);
            Assert.All(all, texts => Assert.Equal(all[0], texts));
            Assert.NotEqual(all[0], other);
            Assert.All(all[0], text => Assert.DoesNotContain("Human:", text));
            var failure = await Assert.ThrowsAsync<ChatModelException>(() => model.SampleAsync(Request(string.Concat(Enumerable.Repeat("word ", 200)), 5), CancellationToken.None));
            Assert.Contains("longer than the 64 tokens", failure.Message);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // Random weights with the tokenizer of models/base.
    private static void Save(string folder)
    {
        var tokenizer = Tokenizer.Load(Path.Combine(Repository.Root, "models", "base"));
        var config = new TransformerConfig
        {
            Family = "gpt2",
            VocabularySize = tokenizer.VocabularySize,
            Width = 16,
            Layers = 1,
            Heads = 2,
            KeyValueHeads = 2,
            HeadWidth = 8,
            InnerWidth = 32,
            MaximumPositions = 64,
            Norm = NormKind.LayerNorm,
            Positions = PositionKind.Learned,
            Activation = ActivationKind.GeluTanh,
            IsGated = false,
            AttentionBias = true,
            AttentionOutBias = true,
            MlpBias = true,
            TiedEmbeddings = true,
            InitializerRange = 0.2,
        };
        using var model = new TextModel(CausalLm.Create(config, new Seed(1), Compute.Cpu), tokenizer);
        model.Save(folder);
    }

    private static ChatRequest Request(string prompt, ulong seed) => new()
    {
        Conversation = new([new(Role.User, prompt)]),
        Answers = 2,
        Temperature = 1,
        TopP = 1,
        MaximumNewTokens = 20,
        Seed = new Seed(seed),
    };
}
