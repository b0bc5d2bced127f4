using System.Text.Json;
using Attune.Feedback.Aggregation;
using Attune.Runs;
using static Attune.Tests.Feedback.Aggregation.GoldenLabels;

namespace Attune.Tests.Feedback.Aggregation;

/// <summary>GLAD, KOS, MACE and M-MSR against crowd-kit's numbers.</summary>
public sealed class ModelsGoldenTests
{
    [FixtureFact]
    public void Glad_meets_the_numbers_of_SciPys_optimiser()
    {
        var compared = 0;
        foreach (var golden in Cases("GLAD", 7).Where(c => TextOf(c, "id") != "glad-derivative"))
        {
            Glad.Run(DataOf(golden), new()
            {
                Mode = AggregationMode.Compatible,
                Iterations = Parameter(golden, "n_iter")!.Value.GetInt32(),
                Tolerance = Parameter(golden, "tol")!.Value.GetDouble(),
            }).ShouldHave(golden);
            compared++;
        }
        Assert.Equal(6, compared);
    }

    [FixtureFact]
    public void Glads_gradient_is_the_numeric_one()
    {
        Assert.Equal("True", TextOf(Expected("glad-derivative"), "analytic_gradient_equals_numeric"));
        var data = Data("simple");
        Gradients.ShouldMatch(Glad.LossOf(data, MajorityVote.Run(data).Probabilities), Enumerable.Range(0, data.Workers.Count + data.Tasks.Count).Select(i => 0.3 + 0.1 * (i % 7)).ToArray());
    }

    [FixtureFact]
    public void Kos_starts_and_ends_as_there()
    {
        var golden = Cases("KOS", 4);
        GoldenLabels.Labels("kos-bool-100", Kos.Run(Data("bool"), new() { Mode = AggregationMode.Compatible }), golden[0].GetProperty("expected").GetProperty("labels"));
        GoldenLabels.Labels("kos-bool-100 scaled", Kos.Run(Data("bool")), golden[0].GetProperty("expected").GetProperty("labels"));

        Assert.Equal("ValueError", TextOf(Expected("kos-not-binary"), "raises"));
        Assert.Throws<InputException>(() => Kos.Run(Data("simple")));

        var random = new NumpyRandom(0);
        foreach (var expected in Expected("kos-init").GetProperty("initial_reliabilities_in_row_order").EnumerateArray())
            Assert.Equal(expected.GetDouble(), 1 + random.Normal(), 14);
        random = new(0);
        foreach (var expected in Expected("kos-computed-toy-n5").GetProperty("initial_reliabilities_in_row_order").EnumerateArray())
            Assert.Equal(expected.GetDouble(), 1 + random.Normal(), 14);
        GoldenLabels.Labels("kos-computed-toy-n5", Kos.Run(Data("toy"), new() { Mode = AggregationMode.Compatible, Iterations = 5 }), Expected("kos-computed-toy-n5").GetProperty("labels"));
    }

    [FixtureFact]
    public void Mace_as_it_is_and_aligned()
    {
        var compared = 0;
        foreach (var golden in Cases("MACE", 8))
        {
            var (id, data, expected) = (TextOf(golden, "id"), DataOf(golden), golden.GetProperty("expected"));
            var model = new Mace(data, new()
            {
                Mode = id.Contains("aligned", StringComparison.Ordinal) ? AggregationMode.Correct : AggregationMode.Compatible,
                Iterations = Parameter(golden, "n_iter")!.Value.GetInt32(),
                Step = Parameter(golden, "method")!.Value.GetString() == "vb" ? MaceStep.VariationalBayes : MaceStep.ExpectationMaximisation,
            });
            model.BeginLikeNumpy();
            if (expected.TryGetProperty("init_spamming", out var first))
                Rows(id, first, model.Spamming, [0, 1], 1e-14);
            var result = model.Run();
            if (expected.TryGetProperty("spamming", out var spamming))
                Rows(id, spamming, model.Spamming, [0, 1], ToleranceOf(golden));
            if (expected.TryGetProperty("thetas", out var thetas))
                Rows(id, thetas, result.Strategies!, data.LabelsByAppearance, ToleranceOf(golden));
            if (expected.TryGetProperty("probas", out _))
                result.ShouldHave(golden);
            Near(expected.GetProperty("accuracy").GetDouble(), LabelMetrics.Accuracy(result, TruthOf(TextOf(golden, "dataset"), "truth")), 1e-12, id);
            compared++;
        }
        Assert.Equal(8, compared);
    }

    [FixtureFact]
    public void Mmsr_with_its_scores()
    {
        foreach (var golden in Cases("MMSR", 2))
            Mmsr.Run(DataOf(golden), new() { Mode = AggregationMode.Compatible }).ShouldHave(golden);
    }

    /// <summary>A row for each worker; column j of theirs is column order[j] of ours.</summary>
    private static void Rows(string id, JsonElement expected, double[] actual, int[] order, double tolerance)
    {
        Assert.Equal(expected.GetArrayLength() * order.Length, actual.Length);
        for (var row = 0; row < expected.GetArrayLength(); row++)
        {
            for (var j = 0; j < order.Length; j++)
                Near(expected[row][j].GetDouble(), actual[row * order.Length + order[j]], tolerance, $"{id} row {row} column {j}");
        }
    }
}
