using System.Text.Json;
using Attune.Feedback.Aggregation;
using Attune.Runs;
using static Attune.Tests.Feedback.Aggregation.GoldenLabels;

namespace Attune.Tests.Feedback.Aggregation;

public sealed class DawidSkeneGoldenTests
{
    [FixtureFact]
    public void Dawid_Skene_step_by_step()
    {
        var compared = 0;
        foreach (var golden in Cases("DawidSkene", 27).Where(c => Parameter(c, "initial_error_strategy") is null && !c.TryGetProperty("generate", out _)))
        {
            if (TextOf(golden, "id") == "ds-empty")
                continue;
            var result = DawidSkene.Run(DataOf(golden), OptionsOf(golden));
            if (TextOf(golden, "id").StartsWith("ds-gold-probas", StringComparison.Ordinal))
                GoldStaysAtItsTruth(result);
            else
                result.ShouldHave(golden);
            compared++;
        }
        Assert.Equal(20, compared);
    }

    [FixtureFact]
    public void One_coin_step_by_step()
    {
        foreach (var golden in Cases("OneCoinDawidSkene", 7))
        {
            var options = OptionsOf(golden);
            OneCoinDawidSkene.Run(DataOf(golden), new() { Mode = options.Mode, Iterations = options.Iterations, Tolerance = options.Tolerance }).ShouldHave(golden);
        }
    }

    [FixtureTheory]
    [InlineData("ds-overlap-3")]
    [InlineData("ds-overlap-300")]
    public void Hundreds_of_answers_to_a_task_do_not_underflow(string id)
    {
        var golden = Case(id);
        var workers = golden.GetProperty("generate").GetProperty("workers").GetInt32();
        var rows = Enumerable.Range(0, workers).SelectMany(worker => Enumerable.Range(0, 3)
            .Select(task => new LabelRow($"{task}", $"{worker}", ((worker - task) % 3 + 3) % 3 != 0 ? "yes" : "no")));

        var result = DawidSkene.Run(LabelSet.Of(rows), OptionsOf(golden));

        foreach (var task in result.Data.Tasks)
        {
            Assert.Equal("yes", result.LabelOf(task));
            foreach (var label in Numbers(Expected(id).GetProperty("probas_every_task")))
                Near(label.Value, result.ProbabilityOf(task, label.Key), ToleranceOf(golden), id);
        }
        foreach (var label in Numbers(Expected(id).GetProperty("priors")))
            Near(label.Value, result.Priors![result.Data.LabelNumber(label.Key)], ToleranceOf(golden), id);
    }

    [FixtureFact]
    public void First_errors_are_added_or_assigned()
    {
        var toy = Data("toy");
        var added = Matrices(toy, 0);
        added["w2"] = new[,] { { 0.6, 0.4 }, { 1.1, 0.9 } }; // rows no, yes observed; columns no, yes true
        var result = DawidSkene.Run(toy, new() { Iterations = 0, InitialErrors = added, InitialErrorUse = InitialErrorUse.Addition });
        var place = toy.WorkerNumber("w2") * 4;
        var expected = Expected("ds-init-addition-inner").GetProperty("errors_w2");
        foreach (var (key, offset) in new[] { ("no|no", 0), ("no|yes", 1), ("yes|no", 2), ("yes|yes", 3) })
            Near(expected.GetProperty(key).GetDouble(), result.Confusions![place + offset], 1e-9, key);

        var flipped = Matrices(toy, 0.5);
        foreach (var (worker, label) in new[] { ("w1", 1), ("w2", 1), ("w3", 1), ("w4", 0), ("w5", 0) })
            (flipped[worker][label, 0], flipped[worker][1 - label, 0]) = (0.99, 0.01);
        foreach (var (iterations, tolerance) in new[] { (10, 0.0), (100_500, 1e-5) })
        {
            var assigned = DawidSkene.Run(toy, new() { Iterations = iterations, Tolerance = tolerance, InitialErrors = flipped, Mode = AggregationMode.Compatible });
            Assert.Equal(TextOf(Expected("ds-init-assign-flip"), "label_of_t2"), assigned.LabelOf("t2"));
        }

        Assert.StartsWith("ValueError", TextOf(Expected("ds-init-assign-zero"), "raises"));
        Assert.Throws<InputException>(() => DawidSkene.Run(toy, new() { InitialErrors = Matrices(toy, 0) }));

        foreach (var use in Enum.GetValues<InitialErrorUse>())
        {
            var none = DawidSkene.Run(toy, new() { Mode = AggregationMode.Compatible, Iterations = 10, Tolerance = 0, InitialErrorUse = use });
            GoldenLabels.Labels("ds-init-none", none, Expected("ds-init-none").GetProperty("labels"));
        }
    }

    [FixtureFact]
    public void No_labels_give_no_result()
    {
        Assert.Equal("{}", TextOf(Expected("ds-empty"), "probas"));
        var result = DawidSkene.Run(LabelSet.Of([]), new() { Iterations = 10 });
        Assert.Empty(result.Probabilities);
        Assert.Empty(result.TaskLabels);
        Assert.Empty(result.Priors!);
        Assert.Empty(result.Confusions!);
    }

    private static void GoldStaysAtItsTruth(AggregationResult result)
    {
        foreach (var task in new[] { "t1", "t2" })
            Near(1, result.ProbabilityOf(task, "yes"), 1e-8, task);
        Assert.All(result.Data.Tasks, task => Near(1, result.ProbabilityOf(task, "yes") + result.ProbabilityOf(task, "no"), 1e-8, task));
    }

    private static DawidSkeneOptions OptionsOf(JsonElement golden) => new()
    {
        Mode = AggregationMode.Compatible,
        Iterations = Parameter(golden, "n_iter")!.Value.GetInt32(),
        Tolerance = Parameter(golden, "tol") is not { } given ? 1e-5 : given.ValueKind == JsonValueKind.Number ? given.GetDouble() : null,
        Gold = Parameter(golden, "true_labels") is null ? null : TruthOf("toy", "gold"),
    };

    private static Dictionary<string, double[,]> Matrices(LabelSet data, double all) =>
        data.Workers.ToDictionary(worker => worker, _ => new[,] { { all, all }, { all, all } });
}
