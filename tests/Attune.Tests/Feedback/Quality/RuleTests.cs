using Attune.Feedback;
using Attune.Feedback.Quality;
using Attune.Runs;
using static Attune.Tests.Feedback.Quality.Made;

namespace Attune.Tests.Feedback.Quality;

public sealed class RuleTests
{
    private const string LeftRule =
        """
        rules:
          - name: left
            window: {last: 4}
            when: [{measure: left-bias, atLeast: 0.9, minimumCount: 4}]
            then: [{do: warn, message: look at both}]
        """;

    private static RuleSet Rules(string yaml) => Recipe.Parse<RuleSet>(yaml, "rules.yaml", []);

    private static RuleOutcome Replay(string yaml, params Judgment[] log) => RuleEngine.Replay(Rules(yaml), new(log));

    [Fact]
    public void A_rule_fires_at_the_event_that_tips_it_and_again_only_on_new_evidence()
    {
        var outcome = Replay(LeftRule, [.. Row("ann", 1, 0, 0, 0, 0, 0, 0, 0, 0)]);

        // ann takes the left from her second judgment on: four in a row at the fifth, then four new ones at the ninth
        Assert.Equal(["left:ann:c4:ann:0:4", "left:ann:c8:ann:0:8"], outcome.Firings.Select(firing => firing.Id));
        Assert.Equal(["c1:ann:0:1", "c2:ann:0:2", "c3:ann:0:3", "c4:ann:0:4"], outcome.Firings[0].Evidence);
        Assert.Equal(Start.AddMinutes(4), outcome.Firings[0].At);
        Assert.Equal("left-bias 1 (of 4, 95 % 0.02 to 1) is at least 0.9", outcome.Firings[0].Why);
        Assert.Empty(outcome.Firings[0].Evidence.Intersect(outcome.Firings[1].Evidence));
    }

    [Fact]
    public void Too_few_observations_fire_nothing() => Assert.Empty(Replay(LeftRule, [.. Row("ann", 0, 0, 0)]).Firings);

    [Fact]
    public void The_order_of_lines_does_not_matter_and_a_longer_log_has_the_same_firings_first()
    {
        Judgment[] log = [.. Row("ann", 0, 0, 0, 0, 1, 0, 0, 0, 0), .. Row("ben", 1, 1, 0, 0, 0, 0, 1, 1, 1)];
        var whole = Replay(LeftRule, log).Firings.Select(firing => firing.Id).ToList();

        Assert.Equal(3, whole.Count);
        Assert.Equal(whole, Replay(LeftRule, [.. log.Reverse()]).Firings.Select(firing => firing.Id));
        Assert.All(Enumerable.Range(0, 10), minutes =>
        {
            var part = Replay(LeftRule, [.. log.Where(judgment => judgment.At < Start.AddMinutes(minutes))]).Firings.Select(firing => firing.Id).ToList();
            Assert.Equal(whole.Take(part.Count), part);
        });
    }

    [Fact]
    public void What_was_acted_upon_does_not_fire_again_even_where_the_log_has_changed_before_it()
    {
        var rules = Rules(LeftRule);
        var log = Row("ann", 0, 0, 0, 0, 0, 0).ToList();
        var fired = RuleEngine.Replay(rules, new(log)).Firings;
        Assert.Single(fired);

        Assert.Empty(RuleEngine.Replay(rules, new(log), fired).Firings);
        var late = log.Prepend(Judged("ann", "late", 0, -5)).ToList(); // was sent in later, and tips the rule earlier
        Assert.Empty(RuleEngine.Replay(rules, new(late), fired).Firings);
        var more = log.Concat(Enumerable.Range(6, 2).Select(i => Judged("ann", $"c{i}", 0, i))).ToList();
        Assert.Equal(["left:ann:c7:ann:0:7"], RuleEngine.Replay(rules, new(more), fired).Firings.Select(firing => firing.Id)); // c4 to c7 are new
    }

    [Fact]
    public void What_a_ban_would_have_prevented_counts_nowhere_unless_an_appeal_overturned_it()
    {
        var rules = Rules(LeftRule.Replace("warn, message: look at both", "ban, hours: 0.05", StringComparison.Ordinal)); // three minutes
        Judgment[] log = [.. Row("ann", 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0)];

        var outcome = RuleEngine.Replay(rules, new(log));

        Assert.Equal([3, 10], outcome.Firings.Select(firing => (firing.At - Start).Minutes)); // the bar reaches from after minute 3 to before minute 6
        Assert.Equal(2, outcome.Prevented["ann"]);
        Assert.Equal(["c7", "c8", "c9", "c10"], outcome.Firings[1].Comparisons);
        var first = outcome.Firings[0];
        Assert.Empty(RuleEngine.Replay(rules, new(log), [first], new HashSet<string> { first.Id }).Prevented);
    }

    /// <summary>ann takes the left four times on a pair of one project and is banned at minute 3; from then on she judges a pair and a question of each project.</summary>
    [Theory]
    [InlineData("kind", new[] { "one-pair" })]
    [InlineData("project", new[] { "one-pair", "one-best" })]
    [InlineData("everywhere", new[] { "one-pair", "one-best", "two-pair", "two-best" })]
    public void A_ban_bars_from_its_scope_alone(string scope, string[] barred)
    {
        string[] later = ["one-pair", "one-best", "two-pair", "two-best"];
        var rules = Rules(LeftRule.Replace("warn, message: look at both", $"ban, scope: {scope}", StringComparison.Ordinal));
        Judgment[] log = [.. Row("ann", 0, 0, 0, 0), .. later.Select((task, i) => Judged("ann", task, 1, 10 + i))];
        TaskFacts[] tasks = [.. Enumerable.Range(0, 4).Select(i => new TaskFacts { ComparisonId = $"c{i}", Project = "one" }), .. later.Select(task => new TaskFacts { ComparisonId = task, Project = task[..3], Kind = task[4..] })];
        var input = new QualityInput(log) with { Tasks = tasks };

        var outcome = RuleEngine.Replay(rules, input);

        Assert.Equal(barred.Length, outcome.Prevented["ann"]);
        Assert.All(later, task => Assert.Equal(barred.Contains(task) ? 1 : 0, // one judgment after the ban, of this task alone
            RuleEngine.Replay(rules, input with { Judgments = [.. log.Where(judgment => judgment.ComparisonId == task || judgment.ComparisonId[0] == 'c')] }).Prevented.GetValueOrDefault("ann")));
    }

    [Fact]
    public void Agreement_that_others_move_later_is_looked_at_again()
    {
        const string yaml =
            """
            rules:
              - name: alone
                when: [{measure: agreement, below: 0.5, minimumCount: 2}]
                then: [{do: raise-overlap, by: 2}, {do: reject, message: not with the others}]
            """;
        Judgment[] log =
        [
            Judged("ann", "c0", 1, 0), Judged("ann", "c1", 1, 1),                            // nobody to compare with yet
            Judged("ben", "c0", 0, 2), Judged("cy", "c0", 0, 3), Judged("ben", "c1", 0, 4), // now ann stands alone on both
        ];

        var firing = Assert.Single(Replay(yaml, log).Firings, firing => firing.AnnotatorId == "ann");

        Assert.Equal(("c1:ben:0:4", Start.AddMinutes(4)), (firing.EventId, firing.At));
        Assert.Equal(["c0", "c1"], firing.Comparisons);
        Assert.Equal([ActionKind.RaiseOverlap, ActionKind.Reject], firing.Actions.Select(action => action.Do));
    }

    [Fact]
    public void A_skill_is_set_from_a_measure_and_a_time_span_forgets()
    {
        const string yaml =
            """
            rules:
              - name: skill
                window: {days: 1}
                when: [{measure: golden-accuracy, minimumCount: 3, atLeast: 0}]
                then: [{do: set-skill, skill: reading, from: golden-accuracy}]
            """;
        var log = new[] { Judged("ann", "c0", 1, 0), Judged("ann", "c1", 0, 2000), Judged("ann", "c2", 0, 2001), Judged("ann", "c3", 1, 2002) };
        var input = new QualityInput(log) with { Tasks = [Golden("c0", 0), Golden("c1", 0), Golden("c2", 0), Golden("c3", 0)] };

        // the first is more than a day before the third: two of three right, Beta(3, 2)
        Assert.Equal((60, 2002.0), (RuleEngine.Replay(Rules(yaml), input).Firings.Single().Skill, (RuleEngine.Replay(Rules(yaml), input).Firings.Single().At - Start).TotalMinutes));
    }

    [Fact]
    public void All_that_is_wrong_with_a_file_is_said_at_once()
    {
        const string yaml =
            """
            measures: {fastQuantile: 2, text: {language: xx}}
            rules:
              - name: twice
                window: {last: 0}
                when: [{measure: golden-acuracy, below: 1}]
                then: [{do: ban, amount: 3}]
              - name: twice
                when: [{measure: side-streak, read: lower}]
                then: [{do: set-skill, skill: x}, {do: pause, hours: -1}, {do: warn}]
            """;

        var problems = Assert.Throws<InputException>(() => Rules(yaml)).Problems;

        string[] expected =
        [
            "measures.fastQuantile", "measures.text.language", "rules[0].window.last", "rules[0].when[0].measure", "rules[0].then[0].amount",
            "rules[1].when[0]", "rules[1].when[0].read", "rules[1].then[0].value", "rules[1].then[1].hours", "rules[1].then[2].message",
        ];
        Assert.Equal(expected.Order(), problems.Select(problem => problem.Key).Order());
        Assert.Contains("did you mean golden-accuracy?", problems.Single(problem => problem.Key == "rules[0].when[0].measure").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_rules_of_one_name_and_rules_that_say_nothing_are_refused()
    {
        const string rule = "{name: a, when: [{measure: judgments, atLeast: 1}], then: [{do: bonus, amount: 0.50}]}";
        Assert.Contains("has 2 named a", Assert.Throws<InputException>(() => Rules($"rules: [{rule}, {rule}]")).Message, StringComparison.Ordinal);
        Assert.Contains("has no rule", Assert.Throws<InputException>(() => Rules("rules: []")).Message, StringComparison.Ordinal);
        Assert.Contains("bounds nothing", Assert.Throws<InputException>(() => Rules("rules: [{name: a, when: [{measure: judgments}], then: [{do: bonus, amount: 1}]}]")).Message, StringComparison.Ordinal);
        Assert.Equal(0.50m, Rules($"rules: [{rule}]").Rules[0].Then[0].Amount);
    }

    [Fact]
    public void The_shipped_rules_read_and_are_written_back_the_same()
    {
        var shipped = RuleSet.Load(Repository.PathOf("data/quality-rules.yaml"));

        Assert.Equal(8, shipped.Rules.Count);
        Assert.Equal(Recipe.ToYaml(shipped), Recipe.ToYaml(Rules(Recipe.ToYaml(shipped))));
    }
}
