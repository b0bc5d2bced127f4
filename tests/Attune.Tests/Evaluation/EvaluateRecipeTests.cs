using Attune.Evaluation;
using Attune.Loop;
using Attune.Models;
using Attune.Runs;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Tests.Evaluation;

public sealed class EvaluateRecipeTests : IDisposable
{
    private readonly TinyEvaluation _tiny = new();

    public void Dispose() => _tiny.Dispose();

    private string Yaml()
    {
        foreach (var (name, model) in new[] { ("policy", _tiny.Policy), ("sft", _tiny.Reference), ("base", _tiny.Untrained), ("step", _tiny.Checkpoint) })
            new TextModel(model, TinyEvaluation.Tokenizer).Save(_tiny.PathOf(name));
        using var reward = RewardModel.Create(_tiny.Reference, new Seed(9));
        reward.Save(_tiny.PathOf("reward"), new() { AddFiles = TinyEvaluation.Tokenizer.Save });
        TinyEvaluation.Crowd().Save(_tiny.PathOf("crowd.json"));
        File.WriteAllLines(_tiny.PathOf("prompts.txt"), Enumerable.Range(1, 8).Select(k => $"film {k} is"));
        File.WriteAllText(_tiny.PathOf("shots.jsonl"), """
            {"prompt": "a film", "response": " is good"}
            {"prompt": "the end", "response": " was bad"}
            """);
        Directory.CreateDirectory(_tiny.PathOf("ppo"));
        File.WriteAllText(_tiny.PathOf("ppo/metrics.jsonl"), "{\"step\":0,\"objective/score\":0.1}\n{\"step\":1,\"objective/score\":0.2}\n");
        var data = Repository.PathOf("data");
        return $$$"""
            seed: 3
            evaluate:
              models: {PPO: {{{_tiny.PathOf("policy")}}}, SFT: {{{_tiny.PathOf("sft")}}}}
              base: {{{_tiny.PathOf("base")}}}
              prompts: [{path: {{{_tiny.PathOf("prompts.txt")}}}}]
              fewShot: {count: 2, demonstrations: {path: {{{_tiny.PathOf("shots.jsonl")}}}, format: prompts}}
              rewards: [{model: {{{_tiny.PathOf("reward")}}}}]
              checkpoints: {step 5: {{{_tiny.PathOf("step")}}}}
              judges:
                held-out crowd: {crowd: {path: {{{_tiny.PathOf("crowd.json")}}}, words: {{{data}}}}}
                word list: {reward: {function: lexicon, lexicon: {words: {{{data}}}/valence.tsv, negations: {{{data}}}/negations.txt}}, tieWithin: 0.01}
                another reward: {reward: {model: {{{_tiny.PathOf("reward")}}}}}
              sampling: {maximumNewTokens: 8}
              budget: {bestOf: [1, 2], bestOfPrompts: 2, frontierSamples: 1, sampleRows: 3}
              curves: {ppo: {{{_tiny.PathOf("ppo")}}}}
            """;
    }

    private EvaluationReport? Evaluate(EvaluateRecipe recipe, string name, bool resume = false, IProgressSink? progress = null) =>
        Run.Within(recipe, new() { Folder = _tiny.PathOf(name), Resume = resume, Progress = progress ?? SilentProgress.Instance }, run => Evaluating.Run(recipe, run, CancellationToken.None));

    [Fact]
    public void A_recipe_is_evaluated_from_its_files_once()
    {
        var recipe = Recipe.Parse<EvaluateRecipe>(Yaml(), "r.yaml", []);

        var report = Evaluate(recipe, "out")!;

        Assert.Equal(new Headline("PPO", "SFT"), report.Headline);
        Assert.Equal(8, File.ReadLines(_tiny.PathOf("out/answers.jsonl")).Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("prompt").GetString()).Distinct().Count());
        Assert.Equal(["held-out crowd", "word list", "another reward"], report.Rounds[0].Wins.Select(w => w.Judges).Distinct());
        Assert.Equal(["base", "base, 2 examples", "SFT", "best of 2", "PPO"], report.Rounds[0].Baselines.Select(b => b.Model));
        Assert.DoesNotContain(report.Warnings, warning => warning.Contains("Nothing is compared"));
        Assert.Equal(["step 5", "PPO"], report.Rounds[0].Frontier!.Policy.Select(p => p.Label));
        Assert.Equal("../ppo/metrics.jsonl", report.Sources.Single(s => s.Id == report.Rounds[0].Curves.Single().Source).File);
        // the reward that was trained against and the judge are the same folder, so their scores are equal
        Assert.All(File.ReadAllLines(_tiny.PathOf("out/answers.jsonl")), line =>
        {
            var scores = System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("scores");
            Assert.Equal(scores.GetProperty("reward").GetDouble(), scores.GetProperty("another reward").GetDouble());
        });

        var said = new Attune.Tests.Runs.RecordedProgress();
        Assert.Equal(ReportFile.Json(report), ReportFile.Json(Evaluate(recipe, "out", resume: true, said)!));
        Assert.EndsWith("is evaluated already; nothing was done.", Assert.Single(said.Lines));
    }

    [Fact]
    public void A_baseline_that_is_left_out_is_named_with_the_key_that_adds_it()
    {
        var yaml = string.Join('\n', Yaml().Split('\n').Where(line => !new[] { "base:", "fewShot:", "rewards:", "checkpoints:", "held-out crowd:" }.Any(line.TrimStart().StartsWith)));

        var report = Evaluate(Recipe.Parse<EvaluateRecipe>(yaml, "r.yaml", []), "bare")!;

        string[] expected =
        [
            "Nothing is compared with the untrained model (expected: all simple baselines); the key evaluate.base adds it.",
            "Nothing is compared with the untrained model with examples in its prompt (expected: all simple baselines); the key evaluate.fewShot adds it.",
            "Nothing is compared with best-of-N (expected: all simple baselines); the key evaluate.rewards adds it.",
        ];
        Assert.Equal(expected, report.Warnings.Take(3));
        Assert.All(expected, warning => Assert.Contains($"warning  {warning}", EvaluationSummary.Lines(report)));
        Assert.All(expected, warning => Assert.Contains(warning, File.ReadAllText(_tiny.PathOf("bare/report.html"))));
    }

    [Fact]
    public void A_model_or_judge_that_changed_since_an_evaluation_began_is_named()
    {
        var recipe = Recipe.Parse<EvaluateRecipe>(Yaml(), "r.yaml", []);
        Evaluate(recipe, "out");
        File.Delete(_tiny.PathOf("out/report.json"));
        new TextModel(_tiny.Checkpoint, TinyEvaluation.Tokenizer).Save(_tiny.PathOf("sft"));
        using (var reward = RewardModel.Create(_tiny.Checkpoint, new Seed(9)))
            reward.Save(_tiny.PathOf("reward"), new() { AddFiles = TinyEvaluation.Tokenizer.Save });
        File.AppendAllText(_tiny.PathOf("crowd.json"), "\n");

        var problem = Assert.Throws<InputException>(() => Evaluate(recipe, "out", resume: true));

        Assert.Equal(["judge another reward", "judge held-out crowd", "model SFT", "rewards[0]"], problem.Problems.Select(p => p.Key).Order());
    }

    /// <summary>A finished run of ppo with a template, its policies after 2 and 4 steps.</summary>
    private string PpoRun()
    {
        if (Directory.Exists(_tiny.PathOf("run")))
            return _tiny.PathOf("run");
        Run.Within(Recipe.Parse<PpoRecipe>("""
            from: sft
            rewards: [{function: length-target, length: 5}]
            prompts: {template: "<|endoftext|>{prompt}", data: [{path: prompts.txt}]}
            """, "p.yaml", []), new() { Folder = _tiny.PathOf("run") }, _ => "");
        var model = new TextModel(_tiny.Policy, TinyEvaluation.Tokenizer);
        foreach (var folder in new[] { "model", "checkpoints/step-000002/policy", "checkpoints/step-000004/policy" })
            model.Save(_tiny.PathOf($"run/{folder}"));
        var summary = new PpoSummary(0, 0, 0, 0, 0);
        ResultFile.Write(_tiny.PathOf("run"), new PpoResult { Steps = 4, First = summary, Last = summary });
        File.WriteAllText(_tiny.PathOf("run/metrics.jsonl"), "{\"step\":0,\"objective/score\":0.1}\n");
        return _tiny.PathOf("run");
    }

    private EvaluationInput Opened(params string[] flags)
    {
        using var setup = new EvaluationSetup(Recipe.Parse<EvaluateRecipe>(Yaml(), "r.yaml", ["--evaluate.ppoRun", PpoRun(), "--evaluate.curves", "{}", .. flags]), _tiny.PathOf("out"), SilentProgress.Instance);
        return setup.Input;
    }

    [Fact]
    public void Another_template_than_ppo_learned_with_is_warned_of()
    {
        Assert.Contains($"Prompts are asked as '{{prompt}}' (expected: '<|endoftext|>{{prompt}}', as in {_tiny.PathOf("run")}); the key evaluate.template changes it.", Opened().Warnings);
        Assert.DoesNotContain(Opened("--evaluate.template", "<|endoftext|>{prompt}").Warnings, warning => warning.StartsWith("Prompts are asked", StringComparison.Ordinal));
    }

    [Fact]
    public void The_finished_policy_of_a_run_is_on_the_frontier_once()
    {
        Assert.Equal(["step 5", "step 2", "step 4"], Opened().Checkpoints.Select(c => c.Name)); // the models are others
        Assert.Equal(["step 5", "step 2"], Opened("--evaluate.models", $"{{PPO: {_tiny.PathOf("run/model/")}, SFT: {_tiny.PathOf("sft")}}}").Checkpoints.Select(c => c.Name));
    }

    [Fact]
    public void A_dry_run_says_what_memory_it_takes_and_which_baselines_are_missing()
    {
        var yaml = string.Join('\n', Yaml().Split('\n').Where(line => !line.TrimStart().StartsWith("fewShot:", StringComparison.Ordinal)));
        File.WriteAllText(_tiny.PathOf("r.yaml"), yaml);

        var report = Doctor.Try(_tiny.PathOf("r.yaml"), ["--evaluate.template", "so {prompt} a"], SilentProgress.Instance, default);

        Assert.Empty(report.Problems);
        Assert.InRange(report.MemoryBytes, MemoryEstimate.Process + 1, MemoryEstimate.Process + (64 << 20));
        Assert.Equal("Nothing is compared with the untrained model with examples in its prompt (expected: all simple baselines); the key evaluate.fewShot adds it.", Assert.Single(report.Warnings));
        Assert.Matches(@"^so film \d is a⟦", report.Sample);
    }

    [Fact]
    public void Its_resolved_form_reads_back()
    {
        var recipe = Recipe.Parse<EvaluateRecipe>(Yaml(), "r.yaml", []);

        var back = Recipe.Parse<EvaluateRecipe>(Recipe.ToYaml(recipe), "r.yaml", []);

        Assert.Equal(Recipe.ToYaml(recipe), Recipe.ToYaml(back));
        Assert.Equal(recipe.Evaluate.Models, back.Evaluate.Models);
        Assert.Equal("step 5", back.Evaluate.Checkpoints.Keys.Single());
    }

    [Fact]
    public void Wrong_values_are_all_named()
    {
        var problem = Assert.Throws<InputException>(() => Recipe.Parse<EvaluateRecipe>("""
            evaluate:
              models: {PPO: a}
              reference: SFT
              prompts: []
              judges: {nobody: {}, crowd: {crowd: {path: c, votes: 2}}, words: {reward: {function: lexicon, lexicon: {}}}, lists: {reward: {function: lexicon, lexicon: {words: w, positive: p}}}}
              template: no place for it
              fewShot: {count: 0, template: "{response}", demonstrations: {path: d}}
              checkpoints: {one: b}
              sampling: {temperature: 0}
            """, "r.yaml", []));

        foreach (var said in new[] { "evaluate.models", "evaluate.reference", "evaluate.prompts", "judges.nobody", "judges.crowd.crowd.votes", "judges.words.reward.lexicon.words ", "judges.lists.reward.lexicon.positive ", "evaluate.template", "fewShot.count", "fewShot.template", "demonstrations.format", "evaluate.base", "evaluate.checkpoints", "sampling.temperature" })
            Assert.Contains(said, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_cannot_be_used_are_all_named_and_the_folder_is_left_as_it_was()
    {
        var recipe = Recipe.Parse<EvaluateRecipe>(Yaml(), "r.yaml", ["--evaluate.prompts", "[{path: none.txt}]", "--evaluate.base", _tiny.PathOf("reward"), "--evaluate.rewards", $"[{{model: {_tiny.PathOf("sft")}}}]", "--evaluate.curves", "{ppo: nowhere}", "--evaluate.earlier", "[nothing]"]);
        File.Delete(_tiny.PathOf("policy/model.safetensors"));
        File.WriteAllText(_tiny.PathOf("crowd.json"), "{");

        var problem = Assert.Throws<InputException>(() => Evaluate(recipe, "out"));

        foreach (var said in new[] { "models.PPO", "evaluate.base", "holds a reward model", "prompts", "none.txt", "rewards[0].model", "predicts tokens", "judges.held-out crowd", "curves.ppo", "earlier[0]" })
            Assert.Contains(said, problem.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_tiny.PathOf("out")));
    }

    [Fact]
    public void Too_little_memory_is_said_before_any_weights_are_read()
    {
        var recipe = Recipe.Parse<EvaluateRecipe>(Yaml(), "r.yaml", []);
        File.WriteAllText(_tiny.PathOf("sft/tokenizer.json"), "{"); // read together with the weights, whose header alone was looked at before

        var problem = Assert.Throws<InputException>(() => new EvaluationSetup(recipe, _tiny.PathOf("out"), SilentProgress.Instance, new MemoryBudget(1 << 20, 1 << 30)));

        Assert.Equal("evaluate.models", Assert.Single(problem.Problems).Key);
        Assert.Contains("available; compare smaller models", problem.Message);
    }

    [Fact]
    public void A_report_that_is_damaged_is_named_when_the_run_goes_on()
    {
        var recipe = Recipe.Parse<EvaluateRecipe>(Yaml(), "r.yaml", []);
        Run.Open(recipe, new() { Folder = _tiny.PathOf("out") }).Dispose();
        File.WriteAllText(_tiny.PathOf("out/report.json"), "{\"schema\":\"attune.report/1\",");

        var problem = Assert.Throws<InputException>(() => Evaluate(recipe, "out", resume: true));

        Assert.StartsWith($"{_tiny.PathOf("out/report.json")} has 1 problem\n  is no whole report (", problem.Message);
        Assert.EndsWith("), expected what an evaluation wrote; delete it and go on with that evaluation with --resume, which writes it anew", problem.Message);
    }

    [Fact]
    public void Long_curves_are_thinned_with_both_ends_kept()
    {
        var points = TrainingCurves.Thinned([.. Enumerable.Range(0, 1_000).Select(k => new CurvePoint(k, k))]);

        Assert.Equal((200, 0, 999), (points.Count, points[0].Step, points[^1].Step));
        Assert.Equal(3, TrainingCurves.Thinned([new(0, 1), new(1, 1), new(2, 1)]).Count);
    }
}
