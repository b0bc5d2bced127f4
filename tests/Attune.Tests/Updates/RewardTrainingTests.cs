using Attune.Feedback;
using Attune.Models;
using Attune.Runs;
using Attune.Tests.Runs;
using Attune.Tokens;
using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class RewardTrainingTests : IDisposable
{
    private readonly TinyRewardStage _stage = new();

    public void Dispose() => _stage.Dispose();

    [Fact]
    public void Comparisons_without_a_prompt_are_independent_of_each_other()
    {
        PreferenceText Of(string prompt, params string[] answers) => new() { Prompt = prompt, Answers = answers, Ranks = [0, 1], Source = "s" };

        Assert.Equal(Of("why ?", "a", "b").Cluster, Of(" why ?", "c", "d").Cluster);
        Assert.NotEqual(Of("", "a", "b").Cluster, Of("", "c", "d").Cluster);
        Assert.Equal(Of("", "a", "b").Cluster, Of("", "b", "a").Cluster);
    }

    [Fact]
    public void An_order_of_words_is_learnt_that_no_baseline_sees()
    {
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(1_000) });

        var result = _stage.Run(recipe)!;

        Assert.True(result.Accuracy.Share >= 0.95, $"accuracy {result.Accuracy.Share}");
        Assert.True(result.Accuracy.Lower > 0.85, $"interval from {result.Accuracy.Lower}");
        Assert.Equal(result.Accuracy.Pairs, result.Accuracy.Prompts);
        var nulls = result.Nulls.ToDictionary(row => row.Name, row => row.Share);
        Assert.Equal(0.5, nulls["longer"]); // equal lengths
        Assert.Equal(0.5, nulls["bag of words"]); // equal words
        Assert.InRange(nulls["random"], 0.3, 0.7); // a half, give or take four standard errors of about a hundred coins
        Assert.Equal(0, result.Nulls.Single(row => row.Name == "first shown").Pairs); // the file does not say
        Assert.True(result.LeadOverNulls.Single(row => row.Name == "bag of words").Lower > 0.3);
        Assert.True(result.Loss < 0.4, $"loss {result.Loss}");
        Assert.InRange(result.Calibration.ExpectedCalibrationError, 0, 0.05); // nearly always right and as sure of it: off by no more than the errors permitted above
        Assert.Equal(1_000, result.Comparisons + result.Watched + result.Accuracy.Pairs);
        Assert.InRange(result.Accuracy.Pairs, 60, 140); // a tenth of the prompts
        Assert.Equal(result.Accuracy.Pairs, File.ReadLines(System.IO.Path.Combine(_stage.Path("run"), RewardTraining.EvaluationName)).Count());
    }

    [Fact]
    public void The_scale_is_set_by_a_prompt_a_line_and_a_warm_up_without_end_is_told()
    {
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(100) });
        recipe = recipe with
        {
            Normalise = recipe.Normalise with { Prompts = [new() { Path = _stage.Write("prompts.txt", "Tell me about 1: \nTell me about 2:\n") }] },
            Reward = recipe.Reward with { WarmUpSteps = 1_000 },
        };
        var said = new Attune.Tests.Runs.RecordedProgress();

        var inputs = RewardInputs.Read(recipe, new Seed(1), recipe.Compute.Memory(said), said, default);
        _stage.Run(recipe, stopAfter: 1, progress: said);

        Assert.Equal(["Tell me about 1:", "Tell me about 2:"], inputs.References.Prompts);
        var told = said.Warnings.Where(line => line.Contains("warmUpSteps")).ToArray();
        Assert.Equal(2, told.Length); // of the look at the inputs, and of the run
        Assert.All(told, line => Assert.Matches("^reward.warmUpSteps is 1000, but there are [4-6] optimiser steps: all of them are warm-up; lower it$", line));
    }

    [Fact]
    public void The_model_folder_holds_the_head_with_its_scale_and_the_tokenizer()
    {
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(300) });
        var result = _stage.Run(recipe)!;
        var folder = System.IO.Path.Combine(_stage.Path("run"), "model");
        var tokenizer = Tokenizer.Load(folder);
        using var model = RewardModel.Load(folder, Compute.Cpu);

        var rows = File.ReadLines(System.IO.Path.Combine(_stage.Path("run"), RewardTraining.EvaluationName)).Take(3).ToArray();
        var pairs = ResultFile.ReadLines<ReportedPair>(System.IO.Path.Combine(_stage.Path("run"), RewardTraining.EvaluationName));
        var k = int.Parse(pairs[0].Id!);
        var scores = model.Score([.. new[] { true, false }.Select(isGood => (int[])[.. tokenizer.Encode($"Tell me about {k}:"), .. tokenizer.Encode(TinyRewardStage.Answer(k, isGood))])]);

        Assert.Equal(pairs[0].Lead, scores[0] - scores[1], 1e-4); // what was measured is what was saved
        Assert.Equal(16, result.References);
        Assert.Contains("\"gain\":", File.ReadAllText(System.IO.Path.Combine(folder, "reward_scale.json")));
        Assert.NotEqual(RewardScale.Identity, result.Scale);
        Assert.Equal(3, rows.Length);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(8)]
    public void A_resumed_run_ends_bit_equal_to_an_uninterrupted_one(int stopAfter)
    {
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(300) });
        _stage.Run(recipe, "straight");

        Assert.Null(_stage.Run(recipe, "resumed", stopAfter));
        Assert.NotNull(_stage.Run(recipe, "resumed", isResumed: true));

        foreach (var file in new[] { "model/model.safetensors", "model/reward_scale.json", "metrics.jsonl", "evaluation.jsonl", "result.json" })
            Assert.Equal(File.ReadAllBytes(System.IO.Path.Combine(_stage.Path("straight"), file)), File.ReadAllBytes(System.IO.Path.Combine(_stage.Path("resumed"), file)));
    }

    [Fact]
    public void A_finished_run_that_is_resumed_does_nothing_more()
    {
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(100) });
        var first = _stage.Run(recipe);
        File.Delete(_stage.Path("pairs.jsonl"));
        var progress = new RecordedProgress();

        var second = _stage.Run(recipe, isResumed: true, progress: progress);

        Assert.Equal(ResultFile.Json(first), ResultFile.Json(second));
        Assert.Equal([$"{_stage.Path("run")} is finished; nothing is left to train"], progress.Lines);
    }

    [Fact]
    public void Held_out_annotators_are_reported_on_and_never_learnt_from()
    {
        var pairs = Enumerable.Range(0, 300).SelectMany(k => new[] { Judged(k, AnnotatorGroup.Training), Judged(k, AnnotatorGroup.HeldOut) });
        PreferenceExport.Write(_stage.Path("preferences.jsonl"), pairs);
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Path("preferences.jsonl"), Format = PreferenceForm.Judged });

        var result = _stage.Run(recipe)!;

        Assert.Equal(["seen", "unseen"], result.ByAnnotators.Select(row => row.Name));
        Assert.Equal(result.ByAnnotators[0].Pairs, result.ByAnnotators[1].Pairs);
        Assert.Equal(result.Accuracy.Pairs, 2 * result.Accuracy.Prompts); // two pairs a prompt: the interval draws prompts
        Assert.Equal(300, result.Comparisons + result.Watched + result.ByAnnotators[0].Pairs); // only the training annotators'
        Assert.Equal(result.Comparisons, result.LeftOut["held out from training"]);
        Assert.Equal(["0.6–0.7", "0.9–1.0"], result.ByAgreement.Select(row => row.Name));
        Assert.Equal(0.75, result.Nulls.Single(row => row.Name == "first shown").Share);
    }

    [Theory]
    [InlineData(RankingUse.AllPairs)]
    [InlineData(RankingUse.BestOf)]
    public void Rankings_are_learnt_too(RankingUse use)
    {
        PreferenceExport.Write(_stage.Path("rankings.jsonl"), Enumerable.Range(0, 400).Select(k => new RankedAnswers
        {
            Prompt = $"Tell me about {k}:",
            Answers = [TinyRewardStage.Answer(k, isGood: false), TinyRewardStage.Answer(k, isGood: true), TinyRewardStage.Answer(k + 1, isGood: false)],
            Ranks = [2, 1, 2],
            Shares = [0.25, 1, 0.25],
            Judges = 1,
            Group = AnnotatorGroup.Training,
            Comparison = $"c-{k}",
            Judgments = [],
        }));
        var source = new PreferenceSource { Path = _stage.Path("rankings.jsonl"), Format = PreferenceForm.Rankings };
        var recipe = _stage.Recipe(source);

        var result = _stage.Run(recipe with { Data = recipe.Data with { Rankings = use } })!;

        Assert.True(result.Accuracy.Share >= 0.9, $"accuracy {result.Accuracy.Share}");
        Assert.Equal(2 * result.Accuracy.Prompts, result.Accuracy.Pairs);
    }

    [Fact]
    public void A_reward_model_is_trained_on_from_the_scores_its_loss_saw()
    {
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(600) });
        _stage.Run(recipe, "first");
        var first = System.IO.Path.Combine(_stage.Path("first"), "model");
        var again = recipe with
        {
            From = null,
            Continue = first,
            Preferences = [new() { Path = _stage.Pairs(200, "more.jsonl", first: 5_000) }],
            Reward = recipe.Reward with { LearningRate = 1e-9 }, // nothing is learnt, so that only the scale could change anything
            Normalise = recipe.Normalise with { Reference = _stage.Model },
        };

        var second = _stage.Run(again, "second")!;

        var scale = ResultFile.Read<RewardResult>(_stage.Path("first"))!.Scale;
        Assert.Equal(scale.Gain, second.Scale.Gain, 0.3 * scale.Gain); // other prompts, the same scores: not twice the gain
        Assert.True(second.Accuracy.Share >= 0.95, $"accuracy {second.Accuracy.Share}");
        var error = Assert.Throws<InputException>(() => _stage.Run(recipe with { From = first }, "third"));
        Assert.Contains("holds a reward model, expected a model that predicts tokens; to train a reward model on, name it under continue instead of from", error.Message);
    }

    [Fact]
    public void Given_answers_can_set_the_scale()
    {
        var given = _stage.Write("answers.jsonl", string.Concat(Enumerable.Range(0, 20).Select(k => ResultFile.Json(new { prompt = $"{k}", response = TinyRewardStage.Answer(k, k % 2 == 0) }) + "\n")));
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(100) });
        var source = new Attune.Text.DataSource { Path = given, Format = Attune.Text.DataFormat.Prompts };

        var result = _stage.Run(recipe with { Normalise = new() { Samples = 256, Responses = [source] } })!;

        Assert.Equal(20, result.References);
    }

    [Fact]
    public void Other_files_can_be_reported_on_and_shared_prompts_are_warned_of()
    {
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(100) }) with
        {
            Evaluation = [new() { Path = _stage.Pairs(40, "same.jsonl"), Name = "same" }, new() { Path = _stage.Pairs(10, "other.jsonl", first: 900) }],
        };
        var progress = new RecordedProgress();

        var result = _stage.Run(recipe, progress: progress)!;

        Assert.Equal([("same", 40), ("other", 10)], result.BySource.Select(row => (row.Name, row.Pairs)));
        Assert.Equal((100, 0), (result.Comparisons, result.Watched)); // nothing is split off
        Assert.Contains(progress.Warnings, line => line.StartsWith("40 prompts are both learnt from and reported on", StringComparison.Ordinal));
    }

    [Fact]
    public void Only_so_many_comparisons_are_used_where_the_recipe_says_so()
    {
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(300) });

        var result = _stage.Run(recipe with { Data = recipe.Data with { Most = 50, MostEvaluated = 10 } })!;

        Assert.Equal((50, 10, 10), (result.Comparisons, result.Watched, result.Accuracy.Pairs));
    }

    [Fact]
    public void Everything_wrong_is_told_before_anything_starts()
    {
        var broken = _stage.Write("broken.jsonl", "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\n{\"prompt\": \"a\"\n");
        var empty = _stage.Write("empty.jsonl", "");
        var recipe = _stage.Recipe(new() { Path = broken }, new() { Path = empty }, new() { Path = empty, Format = PreferenceForm.Rankings }) with
        {
            Data = new() { Longest = 65 },
            Normalise = new() { Reference = _stage.Path("nowhere"), NewTokens = 65 },
            Beside = [_stage.Path("unfinished")],
        };

        var error = Assert.Throws<InputException>(() => _stage.Run(recipe));

        Assert.StartsWith("The input has 8 problems\n", error.Message);
        foreach (var part in new[]
        {
            "holds no finished run, expected a folder with result.json",
            "is 65, expected at most the 64 tokens that the model takes; lower it, or leave it out",
            "normalise.newTokens", "is 65, expected below the 65 tokens of data.longest",
            $"{_stage.Path("nowhere")}", "does not exist, expected a model folder",
            $"{broken} line 2, byte 62", "is not valid JSON",
            $"{empty}", "is empty, expected at least one row",
        })
        {
            Assert.Contains(part, error.Message);
        }

        Assert.False(Directory.Exists(_stage.Path("run")));
    }

    [Fact]
    public void Too_little_memory_is_told_before_anything_starts()
    {
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(100) });
        var options = new RunOptions { Folder = _stage.Path("run"), Settings = recipe.Run };

        var error = Assert.Throws<InputException>(() =>
            Run.Within(recipe, options, run => RewardTraining.Run(recipe, run, new MemoryBudget(1 << 20, 1 << 20), CancellationToken.None)));

        Assert.Matches(@"reward\.microBatchSequences  needs about [\d.]+ MiB of memory, expected at most the [\d.]+ MiB available; lower it \(now 32\), or data\.longest \(now 64\)", error.Message);
    }

    [Fact]
    public void A_loss_that_is_no_number_keeps_the_last_checkpoint()
    {
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(300) });
        recipe = recipe with { Reward = recipe.Reward with { LearningRate = 1e15 }, Run = new() { CheckpointEvery = 1 } };

        var error = Assert.Throws<RunFailedException>(() => _stage.Run(recipe));

        Assert.Matches(@"^Reward training stopped at step \d+ of \d+: the loss is .*; the weights are those before the step", error.Message);
        Assert.NotNull(Checkpoints.Latest(_stage.Path("run")));
        Assert.False(Directory.Exists(System.IO.Path.Combine(_stage.Path("run"), "model")));
    }

    [Fact]
    public void A_last_update_that_breaks_the_weights_leaves_no_model()
    {
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(100) });
        recipe = recipe with
        {
            Reward = recipe.Reward with { BatchSize = 1_000, LearningRate = 1e30 }, // one step
            Normalise = new() { Samples = 0 },
        };

        var error = Assert.Throws<RunFailedException>(() => _stage.Run(recipe));

        Assert.Matches(@"^Reward training stopped at step 0 of 1: its update left .+ not finite, expected finite numbers; .*begin anew with a learningRate below 1E\+30", error.Message);
        Assert.Null(Checkpoints.Latest(_stage.Path("run")));
        Assert.False(Directory.Exists(System.IO.Path.Combine(_stage.Path("run"), "model")));
        Assert.False(File.Exists(System.IO.Path.Combine(_stage.Path("run"), ResultFile.Name)));
    }

    [Fact]
    public void The_recipe_for_human_choices_reads_as_it_stands()
    {
        var yaml = File.ReadAllText(Repository.PathOf("recipes/hh-reward.yaml")).Replace("${ATTUNE_FIXTURES}", "fixtures", StringComparison.Ordinal);

        var recipe = Recipe.Parse<RewardRecipe>(yaml, "recipes/hh-reward.yaml", []);

        Assert.Equal(["helpful-base", "helpful-online", "helpful-rejection-sampled", "harmless-base"], recipe.Preferences.Select(source => source.Name));
        Assert.Empty(recipe.Evaluation); // split by prompt
        Assert.Equal(1, recipe.Reward.Epochs);
    }

    [Fact]
    public void The_heads_start_and_a_scale_before_training_are_the_recipes()
    {
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(100) });
        recipe = recipe with { Reward = recipe.Reward with { LearningRate = 1e-9 }, Normalise = recipe.Normalise with { Samples = 64 } }; // nothing is learnt
        double Gain(string name, HeadStart start, NormaliseTime when) =>
            _stage.Run(recipe with { Reward = recipe.Reward with { HeadStart = start }, Normalise = recipe.Normalise with { When = when } }, name)!.Scale.Gain;

        var root = Gain("root", HeadStart.Root, NormaliseTime.After);

        Assert.Equal(Math.Sqrt(33), Gain("inverse", HeadStart.Inverse, NormaliseTime.After) / root, 1e-3); // 1/33 instead of 1/√33
        Assert.InRange(Gain("both", HeadStart.Inverse, NormaliseTime.Both), 0.5, 2); // other answers, the same policy
    }

    [Fact]
    public void Runs_that_are_one_of_a_seed_already_there_or_of_other_settings_do_not_stand_beside()
    {
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(100) });
        _stage.Run(recipe, "one");
        string Refused(RewardRecipe other, params string[] beside) =>
            Assert.Throws<InputException>(() => RewardSeeds.Require(other with { Beside = beside })).Message;
        var (one, two) = (_stage.Path("one"), recipe with { Seed = 2 });

        RewardSeeds.Require(two with { Beside = [one] });
        Assert.Contains("is named twice, expected each run once; leave it out once", Refused(two, one, one + "/"));
        Assert.Contains("has seed 1, as this run has, expected a seed of its own; leave it out, or run it with another seed", Refused(recipe, one));
        Assert.Contains("has other settings (reward.learningRate), expected those of this recipe but for the seed; ", Refused(two with { Reward = two.Reward with { LearningRate = 1 } }, one));
    }

    [Fact]
    public void Runs_of_several_seeds_become_one_table()
    {
        var recipe = _stage.Recipe(new PreferenceSource { Path = _stage.Pairs(200) });
        recipe = recipe with { Reward = recipe.Reward with { LearningRate = 1e-4 } }; // little is learnt, so that seeds differ
        var one = _stage.Run(recipe, "one")!;

        var two = _stage.Run(recipe with { Seed = 2, Beside = [_stage.Path("one")] }, "two")!;

        Assert.Equal([2, 1], two.Seeds!.Seeds);
        Assert.Equal((one.Accuracy.Share + two.Accuracy.Share) / 2, two.Seeds.Accuracy.Share, 1e-12);
        Assert.Equal([two.Accuracy.Share, one.Accuracy.Share], two.Seeds.Each);
        Assert.Equal(one.Nulls.Select(row => row.Share), two.Seeds.Nulls.Select(row => row.Share)); // the same pairs, the same coin
    }

    private static Preference Judged(int k, AnnotatorGroup group) => new()
    {
        Id = $"{k}-{group}",
        Prompt = $"Tell me about {k}:",
        Chosen = TinyRewardStage.Answer(k, isGood: true),
        Rejected = TinyRewardStage.Answer(k, isGood: false),
        PChosen = group == AnnotatorGroup.Training ? 1 : 2 / 3.0,
        Judges = 3,
        ChosenShownFirst = group == AnnotatorGroup.Training ? 1 : 0.5,
        Group = group,
        Comparison = $"c-{k}",
        Judgments = [],
    };
}
