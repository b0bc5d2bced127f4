using Attune.Models;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;
using Attune.Torch.Optimisers;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class PretrainingTests : IDisposable
{
    private static readonly MemoryBudget Plenty = new(1L << 40, 1L << 40);
    private readonly TinyText _tiny = new();

    public void Dispose() => _tiny.Dispose();

    private LanguageModelResult? Run(PretrainRecipe recipe, string name = "run", bool resume = false, int? stopAfter = null, IProgressSink? progress = null) =>
        _tiny.Run(recipe, Pretraining.Run, recipe.Run, name, resume, stopAfter, progress);

    [Fact]
    public void A_small_model_learns_far_beyond_the_frequency_of_tokens()
    {
        var result = Run(_tiny.Pretrain)!;

        var tokenizer = Tokenizer.Load(Path.Combine(_tiny.At("run"), "model"));
        var baseline = UnigramLoss(tokenizer, File.ReadAllLines(_tiny.Validation));
        Assert.InRange(baseline, 2, 4);
        Assert.InRange(result.ValidationLoss, 0, 0.5 * baseline);
        Assert.Equal((60, 240L), (result.Steps, result.Parameters > 0 ? 240L : 0)); // all steps
        Assert.Equal(Enumerable.Range(0, 60), MetricsLog.Read(Attune.Runs.Run.MetricsPath(_tiny.At("run"))).Select(row => row.Step));
        Assert.Equal(result, ResultFile.Read<LanguageModelResult>(_tiny.At("run")));
    }

    [Fact]
    public void The_finished_model_gives_the_validation_loss_that_was_reported()
    {
        var recipe = _tiny.Pretrain with { Pretrain = _tiny.Pretrain.Pretrain with { Steps = 5 } };
        var result = Run(recipe)!;

        using var text = TextModel.Load(Path.Combine(_tiny.At("run"), "model"), Compute.Cpu);
        var plan = Pretraining.Plan(recipe with { From = Path.Combine(_tiny.At("run"), "model") }, SilentProgress.Instance, default);
        using var trainer = new LanguageModelTrainer(text.Model, plan.Rows, recipe.Pretrain, new Seed(1));
        Assert.Equal(result.ValidationLoss, trainer.Evaluate(plan.Validation).Loss, 1e-6);
        Assert.Equal(plan.Validation.LossTokens, result.ValidationTokens);
    }

    [Fact]
    public void Bits_per_byte_count_the_bytes_of_what_is_predicted()
    {
        const string sentence = "the cat sat on the mat .";
        var recipe = _tiny.Pretrain with
        {
            From = _tiny.Model(),
            Validation = [new() { Path = _tiny.Write("one.txt", sentence) }],
            Pretrain = _tiny.Pretrain.Pretrain with { Steps = 1 },
        };

        var result = Run(recipe)!;

        // One document in one row: its first token is not predicted, and the end token is but stands for no byte.
        var tokenizer = Tokenizer.Load(_tiny.At("model"));
        var ids = tokenizer.Encode(sentence);
        var bytes = sentence.Length - tokenizer.BytesOf(ids[0]).Length;
        Assert.Equal(ids.Length, result.ValidationTokens);
        Assert.Equal(result.ValidationLoss * ids.Length / Math.Log(2) / bytes, result.ValidationBitsPerByte, 1e-12);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(13)]
    [InlineData(20)]
    public void Stopped_and_resumed_is_straight_through_to_the_bit(int stopAfter)
    {
        var recipe = _tiny.Pretrain with { Pretrain = _tiny.Pretrain.Pretrain with { Steps = 20 } };
        var straight = Run(recipe, "straight");

        var stopped = Run(recipe, "stopped", stopAfter: stopAfter);
        Assert.Equal(stopAfter == 20, stopped is not null); // a stop after the last step comes too late
        var resumed = Run(recipe, "stopped", resume: true);

        Assert.Equal(straight, resumed);
        Assert.Equal(_tiny.Left("straight"), _tiny.Left("stopped"));
    }

    [Fact]
    public void Killed_between_the_last_checkpoint_and_the_result_the_rest_is_made_up_for()
    {
        var recipe = _tiny.Pretrain with { Pretrain = _tiny.Pretrain.Pretrain with { Steps = 8 } };
        Run(recipe);
        var whole = _tiny.Left("run");
        File.Delete(Path.Combine(_tiny.At("run"), ResultFile.Name));
        Directory.Delete(Path.Combine(_tiny.At("run"), "model"), recursive: true);

        Run(recipe, resume: true);

        Assert.Equal(whole, _tiny.Left("run"));
    }

    [Fact]
    public void A_finished_run_that_is_resumed_says_so_and_does_nothing()
    {
        var recipe = _tiny.Pretrain with { Pretrain = _tiny.Pretrain.Pretrain with { Steps = 3 } };
        var first = Run(recipe);
        File.Delete(_tiny.Corpus); // it is not even read
        var told = new Tests.Runs.RecordedProgress();

        Assert.Equal(first, Run(recipe, resume: true, progress: told));
        Assert.Equal([$"{_tiny.At("run")} is finished; nothing is left to do"], told.Lines);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_last_update_that_breaks_the_weights_leaves_no_model_and_the_checkpoint_before(int steps)
    {
        var recipe = _tiny.Pretrain with
        {
            Validation = [],
            Pretrain = _tiny.Pretrain.Pretrain with { Steps = steps, WarmUpSteps = 0, Schedule = ScheduleShape.Constant },
            Run = new() { CheckpointEvery = 1 },
        };
        if (steps > 1)
            Run(recipe, stopAfter: steps - 1); // sound until then
        var broken = recipe with { Pretrain = recipe.Pretrain with { LearningRate = 1e30 } };

        var error = Assert.Throws<RunFailedException>(() => _tiny.Run(recipe, (_, run, stop) => Pretraining.Run(broken, run, stop), recipe.Run, resume: steps > 1));

        Assert.Matches($@"^step {steps - 1}: its update left .+, expected finite numbers; begin anew with a lower learning rate than 1E\+30", error.Message);
        Assert.False(Directory.Exists(Path.Combine(_tiny.At("run"), "model")));
        Assert.False(File.Exists(Path.Combine(_tiny.At("run"), ResultFile.Name)));
        Assert.Equal(steps - 1, Checkpoints.Latest(_tiny.At("run"))?.Step ?? 0);
    }

    [Fact]
    public void A_model_and_its_tokenizer_can_be_trained_on()
    {
        var from = _tiny.Model(seed: 5);
        var before = Run(_tiny.Pretrain with { From = from, Pretrain = _tiny.Pretrain.Pretrain with { Steps = 1, LearningRate = 1e-12 } }, "before")!;
        var after = Run(_tiny.Pretrain with { From = from }, "after")!;

        Assert.True(after.ValidationLoss < 0.5 * before.ValidationLoss, $"{before.ValidationLoss} became {after.ValidationLoss}");
        Assert.Equal(File.ReadAllText(Path.Combine(from, "tokenizer.json")), File.ReadAllText(Path.Combine(_tiny.At("after"), "model", "tokenizer.json")));
        Assert.False(Directory.Exists(Path.Combine(_tiny.At("after"), "tokenizer")));
    }

    [Fact]
    public void All_that_is_wrong_with_the_input_is_listed_and_no_folder_is_left()
    {
        var bad = _tiny.Write("bad.jsonl", "{\"text\":\"fine\"}\n{\"txt\":\"no\"}\n");
        var recipe = _tiny.Pretrain with
        {
            Compute = new() { Device = "cuda:77" },
            Tokenizer = _tiny.At("none"),
            Corpus = [new() { Path = _tiny.At("*.gz") }, new() { Path = bad, Format = DataFormat.Documents }],
            Validation = [new() { Path = _tiny.At("missing.txt") }],
            Model = _tiny.Pretrain.Model with { Width = 1 << 16, Layers = 500, Context = 1 << 14 },
        };

        var problems = Assert.Throws<InputException>(() => Run(recipe)).Problems;

        Assert.Equal(["The recipe compute.device", _tiny.At("*.gz"), $"{bad} line 2, byte 16", _tiny.At("missing.txt"), _tiny.At("none")], problems.Select(p => p.Key)); // a graphics card is not measured by the machine's memory
        var memory = Assert.Single(Assert.Throws<InputException>(() => Run(_tiny.Pretrain with { Model = recipe.Model })).Problems);
        Assert.Equal("memory", memory.Key);
        Assert.Matches(@"^needs about \S+ TiB of memory, expected at most the .+ available; lower pretrain.microBatch \(now 4\) or take a smaller model$", memory.Message);
        Assert.False(Directory.Exists(_tiny.At("run")));
    }

    [Fact]
    public void Too_little_memory_is_refused_before_a_tokenizer_is_learned()
    {
        var told = new Tests.Runs.RecordedProgress();
        var recipe = _tiny.Pretrain;

        var message = Assert.Throws<InputException>(() => _tiny.Run(recipe, (r, run, stop) => Pretraining.Run(r, run, new(100 << 20, 1 << 30), stop), recipe.Run, progress: told)).Message;

        Assert.Matches(@"memory  needs about \d{3} MiB of memory, expected at most the 100 MiB available; lower pretrain.microBatch \(now 4\)", message);
        Assert.Empty(told.Lines);
        Assert.False(Directory.Exists(_tiny.At("run")));
    }

    [Fact]
    public void A_plan_writes_nothing_and_warns_of_what_may_not_be_meant()
    {
        var before = Directory.GetFileSystemEntries(_tiny.Folder).Order();
        var recipe = _tiny.Pretrain with
        {
            Vocabulary = 5000,
            Corpus = [new() { Path = _tiny.Write("short.txt", "a cat sat\n\na cat sat\n"), LinePerDocument = true }],
            Pretrain = _tiny.Pretrain.Pretrain with { Steps = 2 },
        };

        var plan = Pretraining.Plan(recipe, Plenty, keptIn: null, SilentProgress.Instance, default);

        Assert.Equal(2, plan.Steps);
        Assert.Equal(plan.Tokenizer.VocabularySize, plan.Config.VocabularySize);
        Assert.Equal(4, plan.Warnings.Count);
        Assert.EndsWith("short.txt: left out 1 rows (empty document)", plan.Warnings[0]);
        Assert.Matches(@"^vocabulary is 5,000, but the corpus gave \d+ pieces that occur twice$", plan.Warnings[1]);
        Assert.Equal("pretrain.warmUpSteps is 2, but there are 2 optimiser steps: all of them are warm-up; lower it", plan.Warnings[2]);
        Assert.Equal("pretrain.batch is 8, but there are 1 rows: each step sees some of them twice", plan.Warnings[3]);
        Assert.Equal(before.Append(_tiny.At("short.txt")).Order(), Directory.GetFileSystemEntries(_tiny.Folder).Order());
    }

    [Fact]
    public void Recipes_without_data_or_with_data_of_another_kind_are_refused()
    {
        Assert.Equal(["corpus"], new PretrainRecipe().Check().Select(p => p.Key));
        var wrong = _tiny.Pretrain with { Vocabulary = 100, From = "a", Tokenizer = "b", Corpus = [new() { Path = "x", Format = DataFormat.Prompts }] };
        Assert.Equal(["corpus[0].format", "vocabulary", "tokenizer"], wrong.Check().Select(p => p.Key));
    }

    /// <summary>Mean of −log of the tokens' own frequencies, first tokens left out as in the model's loss.</summary>
    private static double UnigramLoss(Tokenizer tokenizer, IEnumerable<string> documents)
    {
        var ids = documents.SelectMany(document => tokenizer.Encode(document).Skip(1).Append(tokenizer.EndId!.Value)).ToArray();
        return ids.GroupBy(id => id).Sum(group => -group.Count() * Math.Log((double)group.Count() / ids.Length)) / ids.Length;
    }
}
