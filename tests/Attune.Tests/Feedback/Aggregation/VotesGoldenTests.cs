using Attune.Feedback.Aggregation;
using Attune.Runs;
using static Attune.Tests.Feedback.Aggregation.GoldenLabels;

namespace Attune.Tests.Feedback.Aggregation;

public sealed class VotesGoldenTests
{
    [FixtureFact]
    public void Majority_votes()
    {
        foreach (var golden in Cases("MajorityVote", 5).Take(2))
            MajorityVote.Run(DataOf(golden)).ShouldHave(golden);
    }

    [FixtureFact]
    public void Votes_weighted_by_given_skills_and_skills_that_are_missing()
    {
        var golden = Case("mv-weighted-simple");
        var (data, skills) = (DataOf(golden), Numbers(Parameter(golden, "skills")!.Value));
        MajorityVote.Run(data, new() { Skills = skills }).ShouldHave(golden);

        var lost = TextOf(Expected("mv-missing-skill-ignore"), "worker_absent_from_skills");
        skills.Remove(lost);
        Assert.Equal("ValueError", TextOf(Expected("mv-missing-skill-error"), "raises"));
        Assert.Throws<InputException>(() => MajorityVote.Run(data, new() { Skills = skills }));
        var ignored = MajorityVote.Run(data, new() { Skills = skills, OnMissing = MissingSkill.Ignore });
        var without = MajorityVote.Run(LabelSet.Of(data.Rows().Where(row => row.Worker != lost)), new() { Skills = skills });
        Assert.Equal(without.Labels().ToDictionary(), ignored.Labels().ToDictionary());
    }

    [FixtureFact]
    public void Wawa_weighs_by_agreement()
    {
        foreach (var golden in Cases("Wawa", 1))
            Wawa.Run(DataOf(golden)).ShouldHave(golden);
    }

    [FixtureFact]
    public void Zero_based_skills()
    {
        foreach (var golden in Cases("ZeroBasedSkill", 1))
            ZeroBasedSkill.Run(DataOf(golden), new() { Mode = AggregationMode.Compatible }).ShouldHave(golden);
    }

    [FixtureFact]
    public void Votes_weighted_by_golden_tasks()
    {
        var cases = Cases("GoldMajorityVote", 2);
        GoldMajorityVote.Run(DataOf(cases[0]), TruthOf("simple", "gold")).ShouldHave(cases[0]);
        GoldMajorityVote.Run(DataOf(cases[1]), TruthOf("multiple_gt", "truth_multi")).ShouldHave(cases[1]);
    }
}
