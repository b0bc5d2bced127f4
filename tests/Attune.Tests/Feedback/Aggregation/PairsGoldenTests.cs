using System.Text.Json;
using Attune.Feedback.Aggregation;
using static Attune.Tests.Feedback.Aggregation.GoldenLabels;

namespace Attune.Tests.Feedback.Aggregation;

public sealed class PairsGoldenTests
{
    [FixtureFact]
    public void Bradley_Terry_iteration_by_iteration()
    {
        foreach (var golden in Cases("BradleyTerry", 9))
        {
            var iterations = Parameter(golden, "n_iter")!.Value.GetInt32();
            double? tolerance = Parameter(golden, "tol") is { ValueKind: JsonValueKind.Number } given ? given.GetDouble() : null;
            var result = BradleyTerry.Run(Data(TextOf(golden, "dataset")), new() { Mode = AggregationMode.Compatible, Iterations = iterations, Tolerance = tolerance });
            foreach (var item in Numbers(golden.GetProperty("expected").GetProperty("scores")))
                Near(item.Value, result.ScoreOf(item.Key), ToleranceOf(golden), $"{TextOf(golden, "id")} {item.Key}");
        }
    }

    [FixtureTheory]
    [InlineData("evalica_simple", 5)]
    [InlineData("evalica_food", 5)]
    [InlineData("evalica_llmfao", 59)]
    public void Scores_of_published_comparisons(string folder, int items)
    {
        var data = ComparisonSet.Read(Fixtures.Path($"data/pairwise/{folder}/comparisons.csv"));
        Assert.Equal(items, data.Items.Count);
        Compare(folder, "counting", PairScores.Counting(data), 1e-12);
        Compare(folder, "average_win_rate", PairScores.AverageWinRate(data), 1e-12);
        Compare(folder, "elo", PairScores.Elo(data), 1e-12);
        Compare(folder, "bradley_terry", BradleyTerry.Run(data), 1e-9);
    }

    private static void Compare(string folder, string algorithm, PairResult actual, double tolerance)
    {
        var compared = 0;
        CsvFile.Read(Fixtures.Path($"data/pairwise/{folder}/golden.csv"), ["algorithm", "item", "score"], (_, fields) =>
        {
            if (fields[0] != algorithm)
                return;
            Near(double.Parse(fields[2]), actual.ScoreOf(fields[1]), tolerance, $"{folder} {algorithm} {fields[1]}");
            compared++;
        });
        Assert.Equal(actual.Items.Count, compared);
    }

    private static ComparisonSet Data(string dataset)
    {
        var columns = Dataset(dataset).GetProperty("columns").EnumerateArray().Select(column => column.GetString()!).ToList();
        return ComparisonSet.Of(Dataset(dataset).GetProperty("rows").EnumerateArray().Select(row =>
        {
            string Field(string column) => row[columns.IndexOf(column)].ToString();
            return new PairRow(Field("left"), Field("right"), ComparisonSet.WinnerOf(Field("winner"), Field("left"), Field("right")));
        }));
    }
}
