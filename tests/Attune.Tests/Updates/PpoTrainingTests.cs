using System.Text.Json;
using Attune.Models;
using Attune.Rewards;
using Attune.Runs;
using Attune.Tests.Runs;
using Attune.Torch;
using Attune.Torch.Testing;
using Attune.Updates;

namespace Attune.Tests.Updates;

[NoTensorLeaks]
public sealed class PpoTrainingTests : IDisposable
{
    private readonly TinyPpoStage _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void A_policy_learns_what_pays_and_a_shorter_leash_keeps_it_nearer()
    {
        var recipe = _tiny.Recipe;
        var progress = new RecordedProgress();

        var result = _tiny.Run(recipe with { Ppo = recipe.Ppo with { Steps = 30, PromptsPerStep = 16 } }, progress: progress)!;
        var leashed = _tiny.Run(recipe with { Ppo = recipe.Ppo with { Steps = 30, PromptsPerStep = 16, KlCoefficient = 0.1 } }, name: "leashed")!;

        Assert.InRange(_tiny.Metrics()[0].Values["objective/score"], 0, 0.2); // few of 8 tokens of 300 come twice
        Assert.True(result.Last.Score is > 0.5 and <= 1, string.Join(' ', _tiny.Metrics().Select(m => $"{m.Values["objective/score"]:0.00}/{m.Values["objective/kl"]:0.0}")));
        Assert.InRange(leashed.Last.Kl, -1, result.Last.Kl / 2);
        Assert.Equal((30, 480, 60), (result.Steps, result.Answers, result.Prompts));
        using var learned = TextModel.Load(Path.Combine(_tiny.At("run"), "model"), Compute.Cpu);
        Assert.Equal(DType.Float32, learned.Model.Config.StoredDType);
    }

    [Fact]
    public void Answers_are_recorded_token_by_token_and_the_oldest_files_go()
    {
        var ppo = _tiny.Recipe.Ppo with { Steps = 6, PromptsPerStep = 60, WhitenAdvantages = false, Discount = 1, Lambda = 1, ScoreClip = null }; // all prompts, so that each step asks the same
        var recipe = _tiny.Recipe with { Ppo = ppo, Rollouts = new() { Every = 2, Count = 3, Keep = 2 } };

        _tiny.Run(recipe);

        var run = _tiny.At("run");
        Assert.Equal([2, 4], RolloutRecords.Steps(run)); // of 0, 2 and 4
        var records = RolloutRecords.Read(run, 4);
        Assert.Equal(3, records.Count);
        Assert.Equal(records.Select(record => record.Prompt), RolloutRecords.Read(run, 2).Select(record => record.Prompt));
        Assert.All(records, record =>
        {
            Assert.Equal(record.Answer, string.Concat(record.Tokens.Take(record.Finish == "end-token" ? record.Tokens.Count - 1 : record.Tokens.Count)));
            Assert.All(new[] { record.LogProbs, record.Kl, record.Values, record.Rewards, record.Advantages }, numbers => Assert.Equal(record.Tokens.Count, numbers.Count));
            Assert.All(record.LogProbs, logProb => Assert.True(logProb <= 0));
            var price = _tiny.Metrics()[4].Values["kl/coefficient"];
            Assert.Equal(record.Score - price * record.Kl.Sum(), record.Rewards.Sum(), 4); // the score, less the price of the distance
            for (var t = 0; t < record.Tokens.Count; t++)
                Assert.Equal(record.Rewards.Skip(t).Sum() - record.Values[t], record.Advantages[t], 3); // with λ = γ = 1 the advantage is what follows, less what was expected
        });
    }

    [Fact]
    public void Alarms_are_told_and_kept_in_the_result()
    {
        var progress = new RecordedProgress();

        var result = _tiny.Run(_tiny.Recipe with { Ppo = _tiny.Recipe.Ppo with { Steps = 2, LearningRate = 0.3 } }, progress: progress)!; // far beyond the clip

        Assert.Contains(result.Alarms, alarm => alarm.Contains("policy/clip_fraction is ", StringComparison.Ordinal));
        Assert.Equal(result.Alarms, progress.Warnings.TakeLast(result.Alarms.Count));
    }

    [Fact]
    public void Truncated_sampling_is_warned_of_before_the_first_step()
    {
        var progress = new RecordedProgress();

        _tiny.Run(_tiny.Recipe with { Ppo = _tiny.Recipe.Ppo with { Steps = 1, TopK = 5 } }, progress: progress);

        Assert.Single(progress.Warnings, line => line.Contains("ratios and KL are biased", StringComparison.Ordinal));
    }

    [Fact]
    public void Prompts_that_changed_are_refused_on_resume()
    {
        _tiny.Run(_tiny.Recipe, stopAfter: 2);
        _tiny.Write("prompts.txt", File.ReadAllText(_tiny.Prompts).Replace("the 0 ", "the 9 ", StringComparison.Ordinal)); // as many lines as before

        var failure = Assert.Throws<InputException>(() => _tiny.Run(_tiny.Recipe, resume: true));

        Assert.Matches(@"data  is \d+, expected \d+; resume with the recipe and data the run began with", failure.Message);
    }

    [Fact]
    public void Prompts_that_are_both_learned_from_and_judged_on_are_warned_of()
    {
        var progress = new RecordedProgress();
        var judge = new PpoHeldOutSettings { Rewards = [new() { Function = RewardFunction.Repetition, Ngram = 2 }], Data = [new() { Path = _tiny.Prompts }], Prompts = 4 };

        _tiny.Run(_tiny.Recipe with { HeldOut = judge, Ppo = _tiny.Recipe.Ppo with { Steps = 1 } }, progress: progress);

        Assert.Single(progress.Warnings, line => line.StartsWith("4 of the 4 prompts of the held-out judge are learned from as well", StringComparison.Ordinal));
    }

    [Fact]
    public void Pieces_of_text_that_the_policy_cannot_read_are_refused_before_the_first_step()
    {
        var recipe = _tiny.Whole with { Pretraining = _tiny.Whole.Pretraining with { Length = 65 } };

        var failure = Assert.Throws<InputException>(() => _tiny.Run(recipe));

        Assert.Equal(("pretraining.length", "is 65, expected at most the 64 tokens that the policy reads; lower it; longer documents are cut into several pieces"),
            (Assert.Single(failure.Problems).Key, failure.Problems[0].Message));
    }

    [Fact]
    public void Memory_counts_the_pass_over_text_and_the_held_out_look()
    {
        using var policy = TextModel.Load(_tiny.At("policy"), Compute.Cpu);
        long Bytes(PpoRecipe recipe) => PpoInputs.Memory(policy.Model.Config, recipe, DType.Float32, PpoPrompts.Read(recipe, policy.Tokenizer, new Seed(1)));
        var recipe = _tiny.Recipe with { Ppo = _tiny.Recipe.Ppo with { PretrainingCoefficient = 1 } };
        PpoRecipe With(int rows, int length) => recipe with { Pretraining = new() { Rows = rows, Length = length } };
        PpoRecipe Judged(int prompts) => recipe with
        {
            Ppo = recipe.Ppo with { PromptsPerStep = 2, MicroBatch = 1 },
            Pretraining = new() { Rows = 1, Length = 2 },
            HeldOut = new() { Rewards = [new() { Function = RewardFunction.Repetition, Ngram = 2 }], Data = recipe.Prompts.Data, Prompts = prompts },
        };

        Assert.Equal(Bytes(_tiny.Recipe), Bytes(With(rows: 1, length: 2))); // a step takes more
        Assert.True(Bytes(With(rows: 16, length: 64)) > Bytes(With(rows: 16, length: 32)));
        Assert.Equal(Bytes(With(rows: 16, length: 64)), Bytes(With(rows: 99, length: 64))); // micro-batches of 16
        Assert.True(Bytes(Judged(60)) > Bytes(Judged(2)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Stopped_and_resumed_it_ends_bit_equal(int stopAfter)
    {
        var recipe = _tiny.Whole;

        _tiny.Run(recipe, "straight");
        Assert.Null(_tiny.Run(recipe, "stopped", stopAfter: stopAfter));
        Assert.Equal(stopAfter, Checkpoints.Latest(_tiny.At("stopped"))!.Step);
        _tiny.Run(recipe, "stopped", resume: true);

        var (straight, resumed) = (_tiny.Left("straight"), _tiny.Left("stopped"));
        Assert.Contains("samples.jsonl", straight.Keys);
        Assert.Contains(straight.Keys, name => name.Contains("rollouts", StringComparison.Ordinal));
        Assert.Equal(straight, resumed);
    }

    [Fact]
    public void Lines_after_the_checkpoint_are_written_once()
    {
        var recipe = _tiny.Recipe with { Run = new() { CheckpointEvery = 3 } };
        _tiny.Run(recipe, "straight");
        _tiny.Run(recipe, "killed", stopAfter: 5);
        Directory.Delete(Checkpoints.Latest(_tiny.At("killed"))!.Folder, recursive: true); // as if it had been killed: the last save was after step 3

        _tiny.Run(recipe, "killed", resume: true);

        Assert.Equal(_tiny.Left("straight"), _tiny.Left("killed"));
    }

    [Theory]
    [InlineData("openai-2019")]
    [InlineData("instructgpt")]
    [InlineData("trl")]
    public void Presets_run_from_a_recipe(string preset)
    {
        var yaml = $$"""
            from: {{_tiny.At("policy")}}
            rewards: [{model: {{_tiny.RewardModelFolder()}}}]
            prompts: {data: [{path: {{_tiny.Prompts}}}], maximumTokens: 16}
            pretraining: {data: [{path: {{_tiny.Prompts}}, linePerDocument: true}], rows: 2, length: 64}
            ppo: {preset: {{preset}}, steps: 1, promptsPerStep: 8, maximumLength: 8}
            compute: {threads: 1}
            """;

        Assert.NotNull(_tiny.Run(Recipe.Parse<PpoRecipe>(yaml, "recipe", [])));

        Assert.InRange(_tiny.Metrics()[0].Values["policy/first_log_ratio"], 0, 1e-4);
        Assert.Equal(preset == "instructgpt" ? 8 : 4, _tiny.Metrics()[0].Values["policy/minibatches"]);
    }

    [Fact]
    public void The_micro_batch_changes_rounding_only()
    {
        PpoRecipe With(int microBatch) => _tiny.Whole with { Ppo = _tiny.Whole.Ppo with { Steps = 2, MicroBatch = microBatch, AdamEpsilon = 1e-3 } };
        _tiny.Run(With(8), "whole");
        _tiny.Run(With(3), "split");

        foreach (var (whole, split) in _tiny.Metrics("whole").Zip(_tiny.Metrics("split")))
            LayoutGaps.ShouldBeRounding(whole.Values, split.Values, share: 1e-4, floor: 1e-5);

        var (a, b) = (Weights("whole"), Weights("split"));
        var gaps = a.Zip(b, (x, y) => x - y).ToArray();
        Assert.InRange(gaps.Max(Math.Abs), 0, 1e-4); // the rate is 1e-2 and four optimiser steps are made
        Assert.InRange(Math.Abs(gaps.Average()), 0, 1e-6);
    }

    [Fact]
    public void Checkpoints_hold_a_policy_that_can_be_evaluated()
    {
        _tiny.Run(_tiny.Recipe with { Run = new() { CheckpointEvery = 2, KeepEvery = 2, KeepLast = 1 } });

        var kept = Checkpoints.Of(_tiny.At("run"));

        Assert.Equal([2, 4, 6], kept.Select(c => c.Step));
        using var first = TextModel.Load(PpoTraining.PolicyAt(kept[0].Folder), Compute.Cpu);
        Assert.Equal(File.ReadAllBytes(Path.Combine(PpoTraining.PolicyAt(kept[2].Folder), "model.safetensors")), File.ReadAllBytes(_tiny.At("run/model/model.safetensors")));
        Assert.NotEqual(File.ReadAllBytes(Path.Combine(PpoTraining.PolicyAt(kept[0].Folder), "model.safetensors")), File.ReadAllBytes(_tiny.At("run/model/model.safetensors")));
    }

    [Fact]
    public void Samples_show_prompt_answer_score_and_distance()
    {
        _tiny.Run(_tiny.Recipe);

        var lines = File.ReadAllLines(_tiny.At("run/samples.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).ToArray();

        Assert.Equal([0, 0, 2, 2, 4, 4], lines.Select(line => line.GetProperty("step").GetInt32()));
        Assert.All(lines, line => Assert.StartsWith("the ", line.GetProperty("prompt").GetString()));
        Assert.All(lines, line => Assert.InRange(line.GetProperty("tokens").GetInt32(), 1, 8));
        Assert.Equal(0, lines[0].GetProperty("kl").GetDouble(), 4);
    }

    [Fact]
    public void Answers_end_where_the_policys_settings_for_sampling_say_and_the_better_policy_keeps_them()
    {
        var usual = new GenerationConfig { EndIds = [.. Enumerable.Range(0, 300)], PadId = 1, Temperature = 0.5 }; // any token ends an answer
        usual.Write(_tiny.At("policy"));

        _tiny.Run(_tiny.Recipe with { Ppo = _tiny.Recipe.Ppo with { Steps = 1 } });

        var answers = File.ReadAllLines(_tiny.At("run/samples.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal(2, answers.Length);
        Assert.All(answers, answer => Assert.Equal((1, "end-token", ""), (answer.GetProperty("tokens").GetInt32(), answer.GetProperty("finish").GetString(), answer.GetProperty("answer").GetString())));
        Assert.Equal(File.ReadAllText(_tiny.At("policy/generation_config.json")), File.ReadAllText(_tiny.At("run/model/generation_config.json")));
        Assert.Equal(File.ReadAllText(_tiny.At("policy/generation_config.json")), File.ReadAllText(Path.Combine(PpoTraining.PolicyAt(Checkpoints.Latest(_tiny.At("run"))!.Folder), "generation_config.json")));
    }

    [Fact]
    public void The_held_out_judge_is_asked_before_the_first_step_and_at_the_end()
    {
        var result = _tiny.Run(_tiny.Whole)!;

        Assert.Equal([0, 2, 4], _tiny.Metrics().Where(row => row.Values.ContainsKey("heldout/gap")).Select(row => row.Step));
        Assert.Equal(0, result.HeldOutFirst["heldout/gap"]);
        Assert.NotEqual(0, result.HeldOutLast["heldout/gap"]);
        Assert.Equal(result.HeldOutFirst["heldout/score"], _tiny.Metrics()[0].Values["heldout/judge_repetition"]);
    }

    [Fact]
    public void A_finished_run_says_so_and_is_left_alone()
    {
        var first = _tiny.Run(_tiny.Recipe)!;
        var left = _tiny.Left("run");
        var progress = new RecordedProgress();

        var again = _tiny.Run(_tiny.Recipe, resume: true, progress: progress)!;

        Assert.Equal(first.Last, again.Last);
        Assert.Contains(progress.Lines, line => line.EndsWith("is finished; nothing is left to do", StringComparison.Ordinal));
        Assert.Equal(left, _tiny.Left("run"));
    }

    [Fact]
    public void A_loss_that_is_no_number_names_the_step_and_leaves_the_last_checkpoint()
    {
        _tiny.Run(_tiny.Recipe, stopAfter: 2);
        var wild = _tiny.Recipe with { Ppo = _tiny.Recipe.Ppo with { LearningRate = 1e25, GradientClip = null } };

        var failure = Assert.Throws<RunFailedException>(() =>
            Attune.Runs.Run.Within(_tiny.Recipe, new() { Folder = _tiny.At("run"), Resume = true, Settings = _tiny.Recipe.Run }, run => PpoTraining.Run(wild, run, CancellationToken.None)));

        Assert.Matches("^step 2: policy loss .*, expected finite numbers; ", failure.Message);
        Assert.False(File.Exists(_tiny.At("run/result.json")));
        var saved = Assert.IsType<Checkpoint>(Checkpoints.Latest(_tiny.At("run")));
        Assert.Equal(2, saved.Step);
        Assert.All(WeightsAt(PpoTraining.PolicyAt(saved.Folder)), weight => Assert.True(double.IsFinite(weight)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_last_update_that_breaks_the_weights_is_not_saved_as_the_finished_model(int checkpointEvery)
    {
        // One step moves weights to about 1e30: they are finite, but the squares of norms are not in float32.
        var ppo = _tiny.Recipe.Ppo with { Steps = 1, Epochs = 1, Minibatches = 1, LearningRate = 1e30 };
        var recipe = _tiny.Recipe with { Ppo = ppo, Run = new() { CheckpointEvery = checkpointEvery } };

        var failure = Assert.Throws<RunFailedException>(() => _tiny.Run(recipe));

        Assert.Matches(@"^step 0: its update left policy\.\S+ with a value whose square is not finite, expected finite numbers; it was not saved: begin a new run", failure.Message);
        Assert.False(Directory.Exists(_tiny.At("run/model")));
        Assert.False(File.Exists(_tiny.At("run/result.json")));
        Assert.Null(Checkpoints.Latest(_tiny.At("run")));
    }

    [Fact]
    public void Everything_that_cannot_be_used_is_reported_at_once()
    {
        var other = new TinyText();
        using (other)
        {
            var tokenizer = Attune.Tokens.BpeTrainer.Train(["other words altogether"], new() { VocabularySize = 300 });
            AtomicFolder.Write(other.At("tokenizer"), tokenizer.Save);
            var recipe = _tiny.Whole with
            {
                Reference = _tiny.At("nowhere"),
                Rewards = [new() { Model = _tiny.At("missing") }, new() { Name = "stranger", Model = _tiny.RewardModelFolder("stranger", other.At("tokenizer")) }],
                Critic = _tiny.RewardModelFolder(),
                Prompts = new() { Data = [new() { Path = _tiny.Write("empty.txt", "") }], MaximumTokens = 1000 },
                Ppo = _tiny.Whole.Ppo with { KlCoefficient = -1 },
            };

            var failure = Assert.Throws<InputException>(() => _tiny.Run(recipe));

            Assert.Equal(["ppo.klCoefficient", "prompts", "ppo.maximumLength", "reference", "rewards[0].model", "rewards[1].model", "critic"], failure.Problems.Select(p => p.Key));
            Assert.Contains("empty.txt is empty, expected at least one row", failure.Message);
            Assert.Contains("has another tokenizer than the policy, expected the same one", failure.Message);
            Assert.Contains("is 8 after prompts of up to 1000 tokens, expected at most the ", failure.Message);
            Assert.False(Directory.Exists(_tiny.At("run")));
        }
    }

    [Fact]
    public void Without_a_policy_the_rest_is_still_looked_at()
    {
        var recipe = _tiny.Recipe with { From = _tiny.At("gone"), Rewards = [new() { Model = _tiny.At("missing") }], Prompts = new() { Data = [new() { Path = _tiny.At("none.txt") }] } };

        Assert.Equal(["from", "rewards[0].model", "prompts"], Assert.Throws<InputException>(() => _tiny.Run(recipe)).Problems.Select(p => p.Key));
    }

    [Fact]
    public void Too_little_memory_is_said_before_the_first_step()
    {
        using var run = Attune.Runs.Run.Open(_tiny.Whole, new() { Folder = _tiny.At("run") });

        var failure = Assert.Throws<InputException>(() => PpoTraining.Run(_tiny.Whole, run, new MemoryBudget(1 << 20, 1 << 30), CancellationToken.None));

        Assert.Contains("available; lower ppo.microBatch (now 16)", failure.Message);
    }

    [Fact]
    public void Too_little_memory_is_said_before_any_weights_are_read()
    {
        File.WriteAllText(Path.Combine(_tiny.At("policy"), "model.safetensors"), "cut off");
        using var run = Attune.Runs.Run.Open(_tiny.Recipe, new() { Folder = _tiny.At("run") });

        var failure = Assert.Throws<InputException>(() => PpoTraining.Run(_tiny.Recipe, run, new MemoryBudget(1 << 20, 1 << 30), CancellationToken.None));

        Assert.Equal("memory", Assert.Single(failure.Problems).Key);
    }

    [Fact]
    public void A_recipe_that_lacks_parts_is_refused_with_all_of_them()
    {
        var failure = Assert.Throws<InputException>(() => Recipe.Parse<PpoRecipe>("""
            from: models/base
            rewards: [{function: lexicon, weight: 0}, {model: a, function: repetition}, {function: length-target, name: lexicon}]
            heldOut: {every: 0}
            prompts: {template: "no hole"}
            ppo: {klCoefficient: -1, pretrainingCoefficient: 1}
            """, "recipe", []));

        string[] expected =
        [
            "rewards[0].weight", "rewards[0].lexicon", "rewards[1].model", "rewards[2].length", "rewards[2].name", "prompts.template", "prompts.data", "heldOut.rewards", "heldOut.every",
            "pretraining.data", "ppo.klCoefficient",
        ];
        Assert.Equal(expected.Order(), failure.Problems.Select(p => p.Key).Order());
    }

    private double[] Weights(string run) => WeightsAt(Path.Combine(_tiny.At(run), "model"));

    private static double[] WeightsAt(string folder)
    {
        using var scope = TensorScope.Begin();
        using var policy = TextModel.Load(folder, Compute.Cpu);
        return [.. policy.Model.Parameters.SelectMany(p => p.Value.ToDoubles())];
    }
}
