using System.Text.Json;
using Attune.Feedback;

namespace Attune.Tests.Feedback;

public sealed class AgreementTests
{
    [Fact]
    public void Fleiss_kappa_of_two_units_worked_by_hand()
    {
        // units agree by 1/3 and 1, mean 2/3; labels are A 1/3 and B 2/3 of all, chance 5/9; (2/3 − 5/9)/(4/9)
        Assert.Equal(0.25, Agreement.FleissKappa(Units("AAB", "BBB")), 12);
        Assert.Equal(1, Agreement.FleissKappa(Units("AA", "AA")));
        Assert.Throws<ArgumentException>(() => Agreement.FleissKappa(Units("AAB", "BB")));
    }

    [Fact]
    public void Cohen_kappa_worked_by_hand()
    {
        // equal on 3 of 4; chance 1/2 · 3/4 + 1/2 · 1/4 = 1/2
        Assert.Equal(0.5, Agreement.CohenKappa(["a", "a", "b", "b"], ["a", "a", "b", "a"]), 12);
        Assert.Equal(1, Agreement.CohenKappa(["a", "a"], ["a", "a"]));
        Assert.Throws<ArgumentException>(() => Agreement.CohenKappa(["a"], []));
    }

    [Fact]
    public void Agreement_of_four_annotators_on_two_items()
    {
        // The case and both numbers are in the tests of AlpacaEval (tests/test_analyze.py): items 1,1,1,1 and 2,2,2,1
        var ratings = Units("1111", "2221").ToList();

        Assert.Equal(0.75, Agreement.Pairwise(ratings).Share);
        var others = Agreement.WithMajorityOfOthers(ratings);
        Assert.Equal(0.875, others.Sum(rater => rater.Agreed.Successes) / others.Sum(rater => rater.Agreed.Trials));
        Assert.Equal(new RaterAgreement("rater3", new(1, 2)), others[3]);
    }

    [Fact]
    public void A_split_among_the_others_counts_for_nobody()
    {
        var others = Agreement.WithMajorityOfOthers(Units("ABA"));

        Assert.Equal([0, 1, 0], others.Select(rater => rater.Agreed.Trials));
        Assert.Equal(0, others[1].Agreed.Successes);
        Assert.Null(Agreement.Plurality(["a", "b"]));
        Assert.Equal("a", Agreement.Plurality(["a", "b", "a", "c"]));
        Assert.Null(Agreement.Plurality([]));
    }

    [Fact]
    public void Krippendorff_alpha_of_known_small_cases()
    {
        // Expected values: tests of crowd-kit (first three), evalica's test_alpha.py @ 2ebe79e (the rest)
        Assert.Equal(1, Agreement.KrippendorffAlpha(Units("YY", "NN")), 12);
        Assert.Equal(0.4444444444444444, Agreement.KrippendorffAlpha(Units("YY", "NN", "YN")), 12);
        Assert.Equal(-0.1538462, Agreement.KrippendorffAlpha(Units("12", "23", "34")), 7);
        Assert.Equal(1, Agreement.KrippendorffAlpha(Units("AAA", "AAA")));
        Assert.Equal(1, Agreement.KrippendorffAlpha(Units("AA", "BB", "C"))); // a unit with one answer is left out
        Assert.True(double.IsNaN(Agreement.KrippendorffAlpha(Units("A", "B"))));
    }

    [FixtureTheory]
    [InlineData("codings.csv", 904.0 / 1216)]
    [InlineData("gcl.csv", 0.0833333)]
    public void Krippendorff_alpha_with_missing_answers(string file, double expected)
    {
        var rows = File.ReadAllLines(Fixtures.Path($"data/pairwise/krippendorff/{file}")).Where(line => line.Length > 0).Select(line => line.Split(',')).ToList();
        Assert.Equal(4, rows.Count);
        var ratings = rows.SelectMany((row, rater) => row.Select((label, unit) => new Rating($"{unit}", $"{rater}", label))).Where(r => r.Label.Length > 0);

        Assert.Equal(expected, Agreement.KrippendorffAlpha(ratings), 7); // the source prints seven digits
    }

    [FixtureFact]
    public void Agreement_of_PandaLM_annotators_is_the_published_one()
    {
        using var golden = JsonDocument.Parse(
            File.ReadAllText(Fixtures.Path("fixtures/eval-golden.json")).Replace(" NaN", " null", StringComparison.Ordinal)); // Python's JSON has NaN
        using var data = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("data/pandalm-human/testset-v1.json")));
        string[] LabelsOf(int annotator) => data.RootElement.EnumerateArray().Select(row => row.GetProperty($"annotator{annotator}").ToString()).ToArray();
        var labels = new[] { LabelsOf(1), LabelsOf(2), LabelsOf(3) };
        Assert.Equal(999, labels[0].Length);

        var pairs = golden.RootElement.GetProperty("agreement").GetProperty("pandalm").GetProperty("pairs");
        foreach (var (a, b) in new[] { (0, 1), (0, 2), (1, 2) })
        {
            var expected = pairs.GetProperty($"{a + 1}-{b + 1}");
            var both = labels[a].SelectMany((label, i) => new[] { new Rating($"{i}", "a", label), new Rating($"{i}", "b", labels[b][i]) });
            Assert.Equal(expected.GetProperty("agreement").GetDouble(), Agreement.Pairwise(both).Share, tolerance: 1e-9);
            Assert.Equal(expected.GetProperty("cohen_kappa").GetDouble(), Agreement.CohenKappa(labels[a], labels[b]), tolerance: 1e-9); // ten digits there
        }
        var all = labels.SelectMany((own, rater) => own.Select((label, i) => new Rating($"{i}", $"{rater}", label))).ToList();
        Assert.Equal(879, all.GroupBy(r => r.Unit).Count(unit => unit.Select(r => r.Label).Distinct().Count() == 1));
        // With three raters each, alpha is Fleiss' kappa moved by 1/(3 · 999) of the remaining disagreement.
        var fleiss = Agreement.FleissKappa(all);
        Assert.Equal(fleiss + (1 - fleiss) / (3 * 999), Agreement.KrippendorffAlpha(all), 9);
    }

    /// <summary>One unit per string, one rater per letter.</summary>
    private static IEnumerable<Rating> Units(params string[] units) =>
        units.SelectMany((labels, unit) => labels.Select((label, rater) => new Rating($"unit{unit}", $"rater{rater}", label.ToString())));
}
