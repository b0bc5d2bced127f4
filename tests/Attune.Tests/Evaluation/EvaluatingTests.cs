using System.Text.Json;
using System.Text.Json.Nodes;
using Attune.Evaluation;
using Attune.Feedback;
using Attune.Runs;
using Attune.Tests.Runs;
using Attune.Torch.Testing;

namespace Attune.Tests.Evaluation;

public sealed class EvaluatingTests : IDisposable
{
    private readonly TinyEvaluation _tiny = new();

    public void Dispose() => _tiny.Dispose();

    private EvaluationReport Evaluate(string name, Func<EvaluationInput, EvaluationInput>? change = null, IProgressSink? progress = null, bool resume = false, CancellationToken stop = default) =>
        Evaluating.Run((change ?? (input => input))(_tiny.Input), new() { Folder = _tiny.PathOf(name), Progress = progress ?? SilentProgress.Instance, Resume = resume }, stop);

    [Fact, NoTensorLeaks]
    public void Every_count_of_the_report_is_that_of_the_judgment_log()
    {
        var report = Evaluate("a");

        Assert.Equal(ReportFile.Json(report), File.ReadAllText(Path.Combine(_tiny.PathOf("a"), "report.json")));
        var comparisons = ComparisonFile.Read(Path.Combine(_tiny.PathOf("a"), "comparisons.jsonl")).ToDictionary(c => c.Id);
        var lines = File.ReadAllLines(Path.Combine(_tiny.PathOf("a"), "judgments.jsonl"));
        var sources = report.Sources.ToDictionary(s => s.Id);
        var wins = report.Rounds[0].Wins;
        // pairs against the reference: policy, base, few-shot, best of 2 and 4; each by both groups of judges
        Assert.Equal(2 * 5, wins.Count);
        foreach (var row in wins)
        {
            var votes = new Dictionary<string, List<int>>(); // +1 for the row's model, -1 for its opponent, recounted from the raw lines
            foreach (var source in sources[row.Source!].Rows)
            {
                using var judgment = JsonDocument.Parse(lines[source.Line - 1]);
                Assert.Equal(source.Judgment, judgment.RootElement.GetProperty("id").GetString());
                var comparison = comparisons[judgment.RootElement.GetProperty("comparisonId").GetString()!];
                Assert.Equal([row.Model, row.Opponent], comparison.Answers.Select(a => a.Source));
                var ranks = judgment.RootElement.GetProperty("ranks").EnumerateArray().Select(r => r.GetInt32()).ToArray();
                votes.TryAdd(comparison.Prompt, []);
                votes[comparison.Prompt].Add(Math.Sign(ranks[1] - ranks[0]));
            }

            Assert.Equal(row.Model.StartsWith("best", StringComparison.Ordinal) ? 3 : 10, row.Result.Prompts);
            Assert.Equal(votes.Values.Count(v => 2 * v.Count(x => x > 0) > v.Count), row.Result.Wins);
            Assert.Equal(votes.Values.Count(v => 2 * v.Count(x => x < 0) > v.Count), row.Result.Losses);
            Assert.Equal(row.Result.Prompts - row.Result.Wins - row.Result.Losses, row.Result.Ties);
            Assert.Equal((row.Result.Wins + 0.5 * row.Result.Ties) / row.Result.Prompts, row.Result.Rate, 12);
            Assert.Equal(row.Judges == "spaces" ? 2 * row.Result.Prompts : 3 * row.Result.Prompts, row.Result.Votes);
        }

        Assert.Equal(lines.Length, wins.Sum(w => w.Result.Votes));
        Assert.All(report.Rounds[0].Samples, sample => Assert.Equal(3, sources[sample.Source!].Rows.Count));
    }

    [Fact]
    public void Rewards_distance_and_best_of_n_are_those_of_the_answers()
    {
        var round = Evaluate("a").Rounds[0];
        var rows = File.ReadAllLines(Path.Combine(_tiny.PathOf("a"), "answers.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        List<JsonElement> Of(string model) => rows.Where(r => r.GetProperty("model").GetString() == model).ToList();
        static double Reward(JsonElement row) => row.GetProperty("scores").GetProperty("reward").GetDouble();
        static double First(IEnumerable<JsonElement> own, Func<JsonElement, double> value) => own.Where(r => r.GetProperty("sample").GetInt32() == 0).Average(value);

        // 3 prompts of the frontier: 2 answers of policy and checkpoint, 5 of the reference; 7 other prompts: 1 answer each
        Assert.Equal([13, 22, 10, 10, 6], new[] { "policy", "reference", "base", "base, 2 examples", "step 5" }.Select(m => Of(m).Count));
        Assert.All(rows, row => Assert.Equal(TinyEvaluation.SpacesIn(row.GetProperty("text").GetString()!), Reward(row), 12));
        var policy = round.Baselines.Single(b => b.Model == "policy");
        Assert.Equal(First(Of("policy"), Reward), policy.Reward!.Value, 12);
        Assert.Equal(First(Of("policy"), r => r.GetProperty("kl").GetDouble()), policy.Kl!.Value, 12);
        Assert.Equal(0, round.Baselines.Single(b => b.Model == "reference").Kl);
        Assert.Null(round.Baselines.Single(b => b.Model == "base, 2 examples").Kl);

        var point = round.Frontier!.Policy.Single(p => p.Label == "step 5");
        Assert.Equal(Of("step 5").Average(r => r.GetProperty("kl").GetDouble()), point.Kl, 12);
        Assert.Equal(Of("step 5").Average(Reward), point.Reward, 12); // 2 answers to each prompt, so the mean of means is the mean
        // best of 2 from pools of 5: the mean over all ten pairs of the better one
        var pools = Of("reference").GroupBy(r => r.GetProperty("prompt").GetString()).Where(p => p.Count() == 5).Select(p => p.Select(Reward).ToArray()).ToList();
        var pairs = pools.Select(p => Enumerable.Range(0, 5).SelectMany(i => Enumerable.Range(i + 1, 4 - i).Select(j => Math.Max(p[i], p[j]))).Average());
        var best = round.Frontier.BestOfN.Single(p => p.Label == "best of 2");
        Assert.Equal(pairs.Average(), best.Reward, 12);
        Assert.Equal(Math.Log(2) - 0.5, best.Kl, 12);
        Assert.Equal(["best of 1", "best of 2", "best of 4"], round.Frontier.BestOfN.Select(p => p.Label));
    }

    [Fact]
    public void Distance_is_the_mean_log_ratio_of_the_policys_own_answers()
    {
        Evaluate("a");
        var row = JsonDocument.Parse(File.ReadAllLines(Path.Combine(_tiny.PathOf("a"), "answers.jsonl"))[0]).RootElement;
        var (prompt, text) = (row.GetProperty("prompt").GetString()!, row.GetProperty("text").GetString()!);
        var plan = EvaluationPlan.Of(_tiny.Input);
        var ids = TinyEvaluation.Tokenizer.Encode(plan.Prompts[0]);
        var seed = _tiny.Input.Seed.For("answers").For(1).For("policy");

        var sampled = new Attune.Rollouts.Sampler(_tiny.Policy, new() { MaximumNewTokens = 10, EndTokens = _tiny.Input.EndIds }).Sample([new(ids, 0)], seed)[0];

        Assert.Equal(plan.Prompts[0], prompt);
        Assert.Equal(TinyEvaluation.Tokenizer.Decode(sampled.Response, skipSpecial: true), text);
        int[] whole = [.. ids, .. sampled.Response];
        double Of(Attune.Models.CausalLm model) => Attune.Models.TokenScoring.LogProbs(model, [whole])[0][(ids.Length - 1)..].Sum(p => (double)p);
        Assert.Equal(Of(_tiny.Policy) - Of(_tiny.Reference), row.GetProperty("kl").GetDouble(), 1e-3);
        Assert.Equal(Of(_tiny.Untrained), row.GetProperty("words").GetProperty("sum").GetDouble(), 1e-3); // it did not end, so every token is a word
    }

    [Fact]
    public void A_template_stands_around_each_prompt_as_in_ppo_with_its_added_tokens()
    {
        var report = Evaluate("a", input => input with { Template = "<|endoftext|>{prompt}", FewShot = null });

        var rows = File.ReadAllLines(Path.Combine(_tiny.PathOf("a"), "answers.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        var prompt = EvaluationPlan.Of(_tiny.Input).Prompts[0];
        foreach (var (name, model) in new[] { ("policy", _tiny.Policy), ("reference", _tiny.Reference), ("base", _tiny.Untrained) })
        {
            var sampler = new Attune.Rollouts.Sampler(model, new() { MaximumNewTokens = 10, EndTokens = _tiny.Input.EndIds });
            var sampled = sampler.Sample([new([.. _tiny.Input.EndIds, .. TinyEvaluation.Tokenizer.Encode(prompt)], 0)], _tiny.Input.Seed.For("answers").For(1).For(name))[0];
            var row = rows.First(row => row.GetProperty("model").GetString() == name);
            Assert.Equal((prompt, TinyEvaluation.Tokenizer.Decode(sampled.Response, skipSpecial: true)), (row.GetProperty("prompt").GetString(), row.GetProperty("text").GetString()));
        }

        Assert.Equal(prompt, report.Rounds[0].Samples[0].Prompt);
    }

    [Theory]
    [InlineData(3, false, "Answers are from a truncated distribution (penalties, bans or truncations are set) (expected: ")]
    [InlineData(0, true, "Answers are greedy (expected: ")]
    [InlineData(0, false, null)]
    public void Distances_of_answers_from_another_distribution_are_warned_of(int topK, bool isGreedy, string? expected)
    {
        var report = Evaluate("a", input => input with
        {
            Sampling = new() { MaximumNewTokens = 4, TopK = topK, IsGreedy = isGreedy },
            Prompts = [.. input.Prompts.Take(3)],
            FewShot = null,
            Reward = null,
            Checkpoints = [],
        });

        var warnings = report.Warnings.Where(warning => warning.EndsWith("distances are no KL divergences.", StringComparison.Ordinal)).ToList();
        Assert.Equal(expected is null ? 0 : 1, warnings.Count);
        Assert.All(warnings, warning => Assert.StartsWith(expected!, warning, StringComparison.Ordinal));
    }

    [Fact]
    public void The_same_seed_gives_the_same_bytes_and_another_does_not()
    {
        Evaluate("a");
        Evaluate("b");
        Evaluate("c", input => input with { Seed = new(2) });

        Assert.Equal(TinyEvaluation.FilesOf(_tiny.PathOf("a")), TinyEvaluation.FilesOf(_tiny.PathOf("b")));
        Assert.NotEqual(TinyEvaluation.FilesOf(_tiny.PathOf("a"))["judgments.jsonl"], TinyEvaluation.FilesOf(_tiny.PathOf("c"))["judgments.jsonl"]);
    }

    [Theory]
    [InlineData("answers", 30)] // within the second model's answers
    [InlineData("judging", 100)]
    public void Stopped_and_resumed_is_straight_through_and_nothing_finished_is_done_again(string stage, int after)
    {
        Evaluate("straight");
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Evaluate("stopped", progress: new StopsAt(stage, after, stop), stop: stop.Token));
        Assert.False(File.Exists(Path.Combine(_tiny.PathOf("stopped"), "report.json")));
        if (stage == "judging")
            File.AppendAllText(Path.Combine(_tiny.PathOf("stopped"), "judgments.jsonl"), "{\"id\":\"half a li"); // as a killed writer leaves it

        var progress = new RecordedProgress();
        Evaluate("stopped", progress: progress, resume: true);

        Assert.Equal(TinyEvaluation.FilesOf(_tiny.PathOf("straight")), TinyEvaluation.FilesOf(_tiny.PathOf("stopped")));
        Assert.True(progress.Reports.First(r => r.Stage == "judging").Done > (stage == "judging" ? after : 0));
        Assert.Equal(stage == "answers", progress.Reports.Any(r => r.Stage == "answers"));
        if (stage == "answers")
            Assert.True(progress.Reports[0].Done > 13, "the first model's 13 answers were there already");
    }

    [Fact]
    public void Budgets_move_no_answer()
    {
        Evaluate("a");
        Evaluate("b", input => input with { Budget = input.Budget with { BestOf = [1, 3], FrontierSamples = 1, BestOfPrompts = 5 } });
        string[] FirstAnswers(string name) => [.. File.ReadAllLines(Path.Combine(_tiny.PathOf(name), "answers.jsonl")).Where(l => l.Contains("\"sample\":0", StringComparison.Ordinal) && !l.Contains("step 5", StringComparison.Ordinal))
            .Select(line => JsonDocument.Parse(line).RootElement).Select(row => $"{row.GetProperty("id")} {row.GetProperty("text")}")];

        Assert.Equal(40, FirstAnswers("a").Length);
        Assert.Equal(FirstAnswers("a"), FirstAnswers("b"));
    }

    [Fact]
    public void Two_rounds_stand_in_one_report_and_every_source_resolves()
    {
        var first = Evaluate("one");
        var second = Evaluate("two", input => input with { Round = 2, Earlier = [new(first, "../one")], Requirements = new() { WinRate = 0.4, WinRateLowerBound = 0.99, Distinct2OfReference = 0.1 } });

        Assert.Equal([1, 2], second.Rounds.Select(r => r.Number));
        Assert.Equal(first.Rounds[0].Wins.Select(w => w.Result.Rate), second.Rounds[0].Wins.Select(w => w.Result.Rate));
        Assert.Equal("../one/judgments.jsonl", second.Sources.Single(s => s.Id == second.Rounds[0].Wins[0].Source).File);
        Assert.NotEqual(second.Rounds[0].Wins[0].Source, second.Rounds[1].Wins[0].Source);
        Assert.Equal([.. second.Checks.Select(c => c.Passed)], [second.Rounds[1].Wins[0].Result.Rate >= 0.4, false, true]);
        Assert.Contains("Round by round", ReportPage.Html(second), StringComparison.Ordinal); // which refuses a number without a source
    }

    [Fact]
    public void The_lower_bound_is_held_against_the_lower_of_both_intervals()
    {
        // Of 10 prompts the judge gives every other one to the reference: 5 of 10. Wilson: 23.7 %; 2 wins of 10 are the bootstrap's 2.5 % quantile.
        Evaluate("a");
        var rows = File.ReadAllLines(Path.Combine(_tiny.PathOf("a"), "answers.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)
            .Where(row => row.GetProperty("sample").GetInt32() == 0).ToList();
        HashSet<(string?, string?)> Of(string model) => [.. rows.Where(row => row.GetProperty("model").GetString() == model).Where((_, k) => k % 2 == (model == "policy" ? 0 : 1))
            .Select(row => (row.GetProperty("prompt").GetString(), row.GetProperty("text").GetString()))];
        var liked = Of("policy").Union(Of("reference")).ToHashSet();
        var judges = JudgePanel.OfFunction("half", (prompt, text) => liked.Contains((prompt, text)) ? 1 : 0);

        var report = Evaluate("b", input => input with { Judges = [judges], Requirements = new() { WinRateLowerBound = 0.22 } });

        var result = report.Rounds[0].Wins[0].Result;
        Assert.Equal((5, 5), (result.Wins, result.Losses));
        Assert.Equal((0.2366, 0.2), (Math.Round(result.Wilson.Lower, 4), Math.Round(result.Bootstrap.Lower, 12)));
        var check = Assert.Single(report.Checks);
        Assert.False(check.Passed);
        Assert.Equal("20.0\u00A0%", check.Value);
        Assert.Contains("(the lower of both intervals)", check.Name, StringComparison.Ordinal);
    }

    [Fact]
    public void Repetition_has_a_limit_where_one_is_asked_for()
    {
        // a b c d a b c d: five runs of four words, the last the same as the first: 1/5
        ReportCheck Asked(double most) => Assert.Single(
            WithPolicysText($"{most}", _ => "a b c d a b c d", input => input with { Requirements = new() { RepetitionAtMost = most } }).Checks);

        Assert.Equal(("Repetition at most 25.0\u00A0%", "20.0\u00A0%", true), (Asked(0.25).Name, Asked(0.25).Value, Asked(0.25).Passed));
        Assert.False(Asked(0.15).Passed);
        Assert.Contains("repetitionAtMost  is 1.5, expected 0 to 1", Assert.Throws<InputException>(() => Evaluate("b", input => input with { Requirements = new() { RepetitionAtMost = 1.5 } })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Prompts_are_called_held_out_only_where_that_is_known()
    {
        EvaluationInput Short(EvaluationInput input) => input with { Reward = null, Base = null, FewShot = null, Checkpoints = [], Judges = [input.Judges[1]] };
        string Prompts(EvaluationReport report) => report.Facts.Single(fact => fact.Name == "Prompts").Value;

        Assert.Equal("10 prompts", Prompts(Evaluate("a", Short)));
        Assert.Equal("10, held out from training", Prompts(Evaluate("b", input => Short(input) with { PromptsAreHeldOut = true })));
    }

    [Fact]
    public void Without_reward_and_base_there_are_no_rows_of_them()
    {
        var round = Evaluate("a", input => input with { Reward = null, Base = null, FewShot = null, Checkpoints = [], Judges = [input.Judges[1]] }).Rounds[0];

        Assert.Equal(["reference", "policy"], round.Baselines.Select(b => b.Model));
        Assert.Null(round.Frontier);
        Assert.All(round.Baselines, b => Assert.Null(b.Reward));
        Assert.All(round.TextMetrics, t => Assert.Null(t.Perplexity));
        Assert.All(round.TextMetrics, t => Assert.Null(t.CopyRate));
    }

    [Fact]
    public void The_copy_rate_is_reported_where_the_prompt_is_a_text_to_work_on()
    {
        string[] prompts = [.. Enumerable.Range(0, 4).Select(k => $"the film {k} is good and not bad")];
        EvaluationInput Longer(EvaluationInput input) => input with { Prompts = prompts, FewShot = null, Sampling = new() { MaximumNewTokens = 60 } };

        // the first four words of its prompt, then another: two of its three runs of three words stand there
        var asked = WithPolicysText("a", prompt => string.Join(' ', prompt.Split(' ')[..4]) + " we", input => Longer(input) with { PromptIsText = true }).Rounds[0];
        var notAsked = Evaluate("b", Longer).Rounds[0];

        Assert.Equal(2 / 3.0, asked.Baselines.Single(b => b.Model == "policy").CopyRate!.Value, 12);
        foreach (var model in new[] { "policy", "reference", "base" })
        {
            var rates = File.ReadAllLines(Path.Combine(_tiny.PathOf("a"), "answers.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)
                .Where(row => row.GetProperty("model").GetString() == model && row.GetProperty("sample").GetInt32() == 0)
                .Select(row => TextMetrics.CopyRate(row.GetProperty("prompt").GetString()!, row.GetProperty("text").GetString()!)).Where(double.IsFinite).ToList();
            Assert.Equal(rates.Average(), asked.Baselines.Single(b => b.Model == model).CopyRate!.Value, 12);
            Assert.Equal(rates.Average(), asked.TextMetrics.Single(t => t.Model == model).CopyRate!.Value, 12);
        }

        Assert.All(notAsked.Baselines, b => Assert.Null(b.CopyRate));
    }

    [Fact]
    public void Everything_wrong_with_the_input_is_said_at_once_and_nothing_is_written()
    {
        var problem = Assert.Throws<InputException>(() => Evaluate("a", input => input with
        {
            Models = [new("policy") { Folder = _tiny.PathOf("nowhere") }],
            Prompts = [],
            FewShot = new([], "{response}"),
            Budget = new() { BestOf = [4, 2] },
            Template = "no place",
            Sampling = new() { MaximumNewTokens = 200, Temperature = 0, EndTokens = [4096], StopStrings = [""] },
        }));

        foreach (var said in new[] { "has policy alone", "is reference, expected one of policy", "nowhere does not exist", "has no prompt", "expected {prompt}", "is [4, 2]", "is \"no place\"", "temperature", "has 4096, expected ids from 0 to 279", "is empty, expected some text", "has 96 positions, expected 2" })
            Assert.Contains(said, problem.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_tiny.PathOf("a")));
    }

    [Theory]
    [InlineData("best of 4")]
    [InlineData("base, 2 examples")]
    public void A_model_may_not_be_named_like_a_row_that_the_evaluation_adds(string name)
    {
        var problem = Assert.Throws<InputException>(() => Evaluate("a", input => input with { Models = [input.Models[0] with { Name = name }, input.Models[1]] }));

        Assert.Equal($"The evaluation has 1 problem\n  models  has the name {name}, which is that of one of the evaluation's own rows, expected another name; rename it", problem.Message);
    }

    [Theory]
    [InlineData("reward")]
    [InlineData("fluency")]
    public void Judges_may_not_be_named_like_what_every_answer_is_measured_by(string name)
    {
        var problem = Assert.Throws<InputException>(() => Evaluate("a", input => input with { Judges = [JudgePanel.OfReward(name, TinyEvaluation.ShareOfSpaces)] }));

        Assert.Equal($"The evaluation has 1 problem\n  judges  has 2 of the name {name}, expected a name for each, and none called reward or fluency, which every answer's own measures are; rename one", problem.Message);
    }

    [Fact]
    public void A_name_of_a_row_that_is_not_added_is_free() =>
        Assert.Equal("best of 3", Evaluate("a", input => input with { Models = [input.Models[0] with { Name = "best of 3" }, input.Models[1]] }).Headline.Model);

    /// <summary>An evaluation that goes on from answers in which the policy wrote something else.</summary>
    private EvaluationReport WithPolicysText(string name, Func<string, string> textOf, Func<EvaluationInput, EvaluationInput> change)
    {
        Evaluate($"{name}-sampled", change);
        var lines = File.ReadAllLines(Path.Combine(_tiny.PathOf($"{name}-sampled"), "answers.jsonl")).Select(line => JsonNode.Parse(line)!).ToList();
        foreach (var row in lines.Where(row => (string)row["model"]! == "policy"))
            row["text"] = textOf((string)row["prompt"]!);
        Directory.CreateDirectory(_tiny.PathOf(name));
        File.WriteAllLines(Path.Combine(_tiny.PathOf(name), "answers.jsonl"), lines.Select(row => row.ToJsonString()));
        return Evaluate(name, change, resume: true);
    }

    private sealed class StopsAt(string stage, long after, CancellationTokenSource stop) : IProgressSink
    {
        public void Report(ProgressReport report)
        {
            if (report.Stage == stage && report.Done >= after)
                stop.Cancel();
        }

        public void Say(string line)
        {
        }

        public void Warn(string line)
        {
        }
    }
}
