using Attune.Loop;
using Attune.Models;
using Attune.Runs;
using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Loop;

[NoTensorLeaks]
public sealed class DoctorTests : IDisposable
{
    private readonly TinyText _tiny = new();

    public DoctorTests() => _tiny.Model();

    public void Dispose() => _tiny.Dispose();

    private static DryRun Look(string path, params string[] flags) => Doctor.Try(path, flags, SilentProgress.Instance, default);

    private string Written<T>(T recipe)
        where T : class => _tiny.Write("recipe.yaml", Recipe.ToYaml(recipe));

    private static double Figure(DryRun report, string name) => report.Figures.Single(figure => figure.Name == name).Value;

    [Theory]
    [InlineData("pretrain: {steps: 1}", "pretrain")]
    [InlineData("from: x\nsft: {}", "sft")]
    [InlineData("reward:", "reward")]
    [InlineData("from: x\nppo: {steps: 1}", "ppo")]
    public void A_stage_is_told_by_its_section(string yaml, string stage) => Assert.Equal(stage, Doctor.StageOf(_tiny.Write("r.yaml", yaml), []));

    [Fact]
    public void A_recipe_of_no_stage_or_of_two_is_a_problem()
    {
        var path = _tiny.Write("r.yaml", "seed: 3");

        var none = Look(path).Problems.Single().Message;
        var two = Look(path, "--sft.steps", "3", "--ppo.steps", "4").Problems.Single().Message;

        Assert.StartsWith("has no section of a stage, expected one of pretrain:, sft:, reward:, ppo:", none);
        Assert.StartsWith("has the sections of 2 stages (sft, ppo), expected one of pretrain:, sft:", two);
        Assert.Equal("sft", Doctor.StageOf(path, ["--sft.steps", "3"]));
    }

    [Fact]
    public void A_dry_run_of_fine_tuning_counts_as_the_run_does_and_writes_nothing()
    {
        var recipe = _tiny.Sft with { Sft = _tiny.Sft.Sft with { Epochs = 2, Batch = 8, MicroBatch = 3 }, Validation = _tiny.Sft.Data, Packed = false };
        var path = Written(recipe);
        var before = Directory.GetFileSystemEntries(_tiny.Folder, "*", SearchOption.AllDirectories).Order().ToArray();

        var report = Look(path);

        Assert.Empty(report.Problems);
        Assert.Equal(("sft", path), (report.Stage, report.Recipe));
        Assert.Equal((32, 8, 2, 8, 3), (Figure(report, "training rows"), Figure(report, "steps"), Figure(report, "epochs"), Figure(report, "rows a step"), Figure(report, "micro-batches a step")));
        Assert.Equal(32, Figure(report, "validation rows"));
        Assert.Equal(Figure(report, "tokens that the loss reads") / 4, Figure(report, "loss tokens a step, mean")); // a quarter of the rows a step
        Assert.InRange(report.MemoryBytes, MemoryEstimate.Process, MemoryEstimate.Process + (64 << 20));
        Assert.Matches(@"^where is the \w+ \?⟦ the \w+ is on the \w+.* \.<\|endoftext\|>⟧\n", report.Sample);
        Assert.Equal(before, Directory.GetFileSystemEntries(_tiny.Folder, "*", SearchOption.AllDirectories).Order());
        var result = _tiny.Run(recipe, FineTuning.Run, recipe.Run)!;
        Assert.Equal((result.Steps, result.Rows, result.Tokens, result.Parameters),
            (Figure(report, "steps"), Figure(report, "training rows"), Figure(report, "tokens that the loss reads"), Figure(report, "parameters")));
    }

    [Fact]
    public void A_dry_run_of_pretraining_learns_its_tokenizer_in_memory()
    {
        var report = Look(Written(_tiny.Pretrain), "--pretrain.steps", "30", "--vocabulary", "280");

        Assert.Empty(report.Problems);
        Assert.Equal((30, 280), (Figure(report, "steps"), Figure(report, "vocabulary")));
        Assert.True(Figure(report, "padding") < 5);
        Assert.Equal(30 * 8 / Figure(report, "training rows"), Figure(report, "epochs"));
        Assert.StartsWith("the⟦ ", report.Sample); // a document's first token is not predicted
        Assert.Single(Directory.GetDirectories(_tiny.Folder)); // the model that the test made
    }

    [Fact]
    public void Problems_are_listed_at_once_and_nothing_else_is_said()
    {
        var keys = Look(Written(_tiny.Sft), "--sft.batch", "0", "--rows.longset", "3");
        var files = Look(Written(_tiny.Sft), "--from", _tiny.At("none"), "--data", "[{path: missing.jsonl, format: prompts}]");

        Assert.Equal(["rows.longset", "sft.batch"], keys.Problems.Select(p => p.Key));
        Assert.Equal(2, files.Problems.Count);
        Assert.Contains("none", files.Problems[0].Key);
        Assert.Contains("missing.jsonl", files.Problems[1].Key);
        Assert.Empty(files.Figures);
        Assert.Equal("sft", files.Stage);
    }

    [Fact]
    public void A_dry_run_of_reward_training_counts_comparisons_and_shows_where_scores_are_read()
    {
        var pairs = _tiny.Write("pairs.jsonl", string.Join('\n', Enumerable.Range(0, 20).Select(i => $$"""{"prompt":"the cat {{i}}","chosen":" sat","rejected":" sang"}""")));
        var path = _tiny.Write("reward.yaml", $"from: {_tiny.At("model")}\npreferences: [{{path: {pairs}}}]\nevaluation: [{{path: {pairs}}}]\ndata: {{longest: 32}}\nnormalise: {{newTokens: 8}}\nreward: {{batchSize: 8, epochs: 2, warmUpSteps: 6}}\n");

        var report = Look(path);

        Assert.Empty(report.Problems);
        Assert.Equal((20, 40, 6), (Figure(report, "comparisons to learn from"), Figure(report, "answers in them"), Figure(report, "steps")));
        Assert.Matches(@"^the cat \d+ sat⟦<\|endoftext\|>⟧\nthe cat \d+ sang⟦<\|endoftext\|>⟧\n", report.Sample);
        Assert.Contains("reward.warmUpSteps is 6, but there are 6 optimiser steps: all of them are warm-up; lower it", report.Warnings);
        Assert.Contains(report.Warnings, line => line.StartsWith("20 prompts are both learnt from and reported on"));
        Assert.True(report.MemoryBytes > MemoryEstimate.Process);
    }

    [Fact]
    public void A_dry_run_of_ppo_counts_answers_and_warns_of_a_truncated_distribution()
    {
        var prompts = _tiny.Write("prompts.txt", string.Join('\n', TinyText.Sentences(10, 4).Select(s => s[..12])));
        var path = _tiny.Write("ppo.yaml", $"from: {_tiny.At("model")}\nrewards: [{{function: length-target, length: 5}}]\nprompts: {{data: [{{path: {prompts}, linePerDocument: true}}], maximumTokens: 16}}\n" +
            "ppo: {steps: 5, promptsPerStep: 4, samplesPerPrompt: 2, epochs: 3, minibatches: 2, microBatch: 3, maximumLength: 8, topP: 0.9}\n");

        var report = Look(path);

        Assert.Empty(report.Problems);
        Assert.Equal((10, 8, 64), (Figure(report, "prompts to learn from"), Figure(report, "answers a step"), Figure(report, "tokens sampled a step, at most")));
        Assert.Equal((6, 4, 2, 4), (Figure(report, "optimiser steps a step"), Figure(report, "answers an optimiser step"), Figure(report, "micro-batches an optimiser step"), Figure(report, "times each prompt is asked")));
        Assert.Contains(report.Warnings, line => line.StartsWith("Answers are sampled from a truncated distribution"));
        Assert.EndsWith("⟦an answer of up to 8 tokens⟧", report.Sample);
        Assert.DoesNotContain(Look(path, "--ppo.warmUpSteps", "29").Warnings, line => line.Contains("warmUpSteps")); // 5 steps of 3 epochs of 2 minibatches are 30
        Assert.Contains("ppo.warmUpSteps is 30, but there are 30 optimiser steps: all of them are warm-up; lower it", Look(path, "--ppo.warmUpSteps", "30").Warnings);
    }

    [Fact]
    public void A_machine_is_described_with_what_runs_on_it()
    {
        var report = MachineReport.Of(new(8L << 30, 16L << 30), 100L << 30);

        Assert.Equal(TorchRuntime.Version, report.Libtorch);
        Assert.Equal(Environment.ProcessorCount, report.Cores);
        Assert.Equal(TorchRuntime.SharesProducts, report.BatchedProducts!.StartsWith("the bridge's"));
        Assert.DoesNotContain(report.Warnings, line => line.Contains("memory") || line.Contains("disk"));
        if (OperatingSystem.IsLinux())
            Assert.True(File.Exists(report.LibtorchFile), report.LibtorchFile);
    }

    [Fact]
    public void Little_memory_and_a_full_disk_are_warned_about()
    {
        var warnings = MachineReport.Of(new(1L << 30, 2L << 30), 5L << 20).Warnings;

        Assert.Contains("1.00 GiB of memory are available, and the quick start takes up to 3.00 GiB: end other programs", warnings);
        Assert.Contains("5.00 MiB are free on this disk; runs with checkpoints need some more: free some, or write to another disk", warnings);
    }
}
