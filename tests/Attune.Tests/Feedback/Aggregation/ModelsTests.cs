using Attune.Feedback.Aggregation;
using Attune.Runs;

namespace Attune.Tests.Feedback.Aggregation;

/// <summary>What the models of workers do on labels whose truth is known, and what does not change their results.</summary>
public sealed class ModelsTests
{
    private static readonly MadeUpLabels Honest = MadeUpLabels.Of(300, 3, 0.9, 0.8, 0.75, 0.7, 0.6, 0.5);
    private static readonly MadeUpLabels Adversarial = MadeUpLabels.Of(400, 2, 0.9, 0.88, 0.87, 0.86, 0.85, 0.84, 0.2, 0.2, 0.25, 0.3);

    public static TheoryData<string> Methods => new("MajorityVote", "Wawa", "ZeroBasedSkill", "DawidSkene", "OneCoin", "Glad");

    [Theory, MemberData(nameof(Methods))]
    public void The_order_of_rows_and_the_names_of_workers_change_nothing(string method)
    {
        var data = Honest.Data;
        var order = new Torch.Seed(3).Permutation(data.Count);
        var rows = data.Rows().ToList();
        var other = LabelSet.Of(order.Select(i => rows[i] with { Worker = "z" + rows[i].Worker.Replace("w", "", StringComparison.Ordinal) + "k" }));

        // GLAD's inner optimiser stops at 1e-2 as a rule, where rounding still shows
        AggregationResult Exactly(LabelSet set) => method == "Glad" ? Glad.Run(set, new() { InnerTolerance = 1e-8, InnerIterations = 500, Tolerance = 1e-10 }) : Run(method, set);
        var (first, second) = (Exactly(data), Exactly(other));

        foreach (var task in data.Tasks)
        {
            Assert.Equal(first.LabelOf(task), second.LabelOf(task));
            foreach (var label in data.Labels)
                Assert.Equal(first.ProbabilityOf(task, label), second.ProbabilityOf(task, label), method == "Glad" ? 1e-5 : 1e-9);
        }
    }

    [Theory]
    [InlineData("DawidSkene"), InlineData("OneCoin"), InlineData("Glad"), InlineData("Kos"), InlineData("Mmsr")]
    public void Workers_who_are_wrong_on_purpose_are_turned_round(string method)
    {
        var votes = LabelMetrics.Accuracy(MajorityVote.Run(Adversarial.Data), Adversarial.Truth);
        Assert.True(LabelMetrics.Accuracy(Run(method, Adversarial.Data), Adversarial.Truth) > Math.Max(0.98, votes));
    }

    [Theory]
    [InlineData("DawidSkene"), InlineData("OneCoin"), InlineData("Glad"), InlineData("Kos"), InlineData("Mace"), InlineData("Mmsr")]
    public void The_same_labels_give_the_same_bits(string method)
    {
        var (first, second) = (Run(method, Adversarial.Data), Run(method, Adversarial.Data));
        Assert.Equal(first.Probabilities, second.Probabilities);
        Assert.Equal(first.Skills, second.Skills);
        Assert.Equal(first.Objective, second.Objective);
    }

    [Theory]
    [InlineData("DawidSkene"), InlineData("OneCoin"), InlineData("Glad")]
    public void The_right_objective_never_falls(string method)
    {
        var objective = Run(method, Honest.Data).Objective;
        Assert.True(objective.Count > 3);
        Assert.All(objective.Zip(objective.Skip(1)), step => Assert.True(step.Second >= step.First - 1e-12, $"{step.First} falls to {step.Second}"));
    }

    [Fact]
    public void Probabilities_sum_to_one()
    {
        foreach (var method in new[] { "DawidSkene", "OneCoin", "Glad", "Mace", "Mmsr" })
        {
            var result = Run(method, Honest.Data);
            Assert.All(result.Probabilities.Chunk(3), row => Assert.Equal(1, row.Sum(), 1e-12));
        }
    }

    [Fact]
    public void Competence_finds_those_who_know()
    {
        var result = Mace.Run(Honest.Data);
        Assert.True(LabelMetrics.Accuracy(result, Honest.Truth) > 0.9);
        Assert.Equal(result.Skills!.OrderDescending(), result.Skills!, (x, y) => Math.Abs(x - y) < 0.1); // made in falling order
    }

    [Fact]
    public void Errors_of_an_unchanged_vote_worked_by_hand()
    {
        // w1 says a, a, b; w2 says a, b, b. P(a): 1, ½, 0. w1 answers a: true a 1.5, true b .5; answers b: true a 0, true b 1.
        var data = LabelSet.Of([new("t1", "w1", "a"), new("t1", "w2", "a"), new("t2", "w1", "a"), new("t2", "w2", "b"), new("t3", "w1", "b"), new("t3", "w2", "b")]);

        var plain = DawidSkene.Run(data, new() { Iterations = 0 });
        Assert.Equal([1, 1.0 / 3, 0, 2.0 / 3, 2.0 / 3, 0, 1.0 / 3, 1], plain.Confusions!, (x, y) => Math.Abs(x - y) < 1e-9);
        Assert.Equal([0.5, 0.5], plain.Priors!);

        // with 2 right and 1 wrong answer before each: column a of w1 (1.5 + 2, 0 + 1)/4.5, column b (.5 + 1, 1 + 2)/4.5
        var prior = DawidSkene.Run(data, new() { Iterations = 0, PriorRight = 2, PriorWrong = 1, PriorTasks = 1 });
        Assert.Equal([3.5 / 4.5, 1.5 / 4.5, 1 / 4.5, 3 / 4.5], prior.Confusions![..4], (x, y) => Math.Abs(x - y) < 1e-9);
        Assert.Equal([0.5, 0.5], prior.Priors!);

        // one E-step: P(a | t2) ∝ ½ · 1 · ⅓ and P(b | t2) ∝ ½ · ⅓ · 1
        var once = DawidSkene.Run(data, new() { Iterations = 1 });
        Assert.Equal(0.5, once.ProbabilityOf("t2", "a"), 9);
        // t1: ½ · 1 · ⅔ against ½ · ⅓ · 0; the likelihood is ⅓ · (⅙ + ⅙) · ⅓
        Assert.Equal(3 * Math.Log(1.0 / 3) / 6, once.Objective[0], 8);
    }

    [Fact]
    public void Agreements_of_nobody_leave_the_votes()
    {
        var result = Mmsr.Run(LabelSet.Of([new("t1", "w1", "b"), new("t2", "w2", "a")]));
        Assert.Equal("b", result.LabelOf("t1"));
        Assert.Equal([0, 0], result.Skills!);
    }

    [Fact]
    public void Going_on_from_an_earlier_result_ends_where_a_new_start_ends()
    {
        var options = new DawidSkeneOptions { Tolerance = 1e-9, Iterations = 500 };
        var part = DawidSkene.Run(LabelSet.Of(Honest.Rows.Take(1500)), options);
        var fresh = DawidSkene.Run(Honest.Data, options);

        var gone = DawidSkene.Run(Honest.Data, options with { Start = EarlierFit.Of(part) });

        Assert.Equal(fresh.TaskLabels, gone.TaskLabels);
        Assert.Equal(fresh.Objective[^1], gone.Objective[^1], 1e-6);
        Assert.True(gone.Objective[0] > fresh.Objective[0]); // begins nearer to the end
        Assert.Throws<InputException>(() => EarlierFit.Of(MajorityVote.Run(Honest.Data)));
    }

    [Fact]
    public void Gold_teaches_which_workers_to_turn_round()
    {
        // Three of four always say the opposite: without gold they are the majority and win.
        var made = MadeUpLabels.Of(100, 2, 0.97, 0.1, 0.12, 0.15);
        Assert.True(LabelMetrics.Accuracy(DawidSkene.Run(made.Data), made.Truth) < 0.5);

        var gold = Truth.Of(Enumerable.Range(0, 40).Select(task => ($"t{task}", made.Truth.Of($"t{task}")[0])));

        Assert.True(LabelMetrics.Accuracy(DawidSkene.Run(made.Data, new() { Gold = gold }), made.Truth) > 0.9);
        Assert.True(LabelMetrics.Accuracy(OneCoinDawidSkene.Run(made.Data, new() { Gold = gold }), made.Truth) > 0.9);
    }

    private static AggregationResult Run(string method, LabelSet data) => method switch
    {
        "MajorityVote" => MajorityVote.Run(data),
        "Wawa" => Wawa.Run(data),
        "ZeroBasedSkill" => ZeroBasedSkill.Run(data),
        "DawidSkene" => DawidSkene.Run(data),
        "OneCoin" => OneCoinDawidSkene.Run(data),
        "Glad" => Glad.Run(data),
        "Kos" => Kos.Run(data),
        "Mace" => Mace.Run(data),
        "Mmsr" => Mmsr.Run(data),
        _ => throw new ArgumentException(method),
    };
}
