using System.Text.Json;
using Attune.Feedback;
using Attune.Feedback.Quality;
using Attune.Runs;
using static Attune.Tests.Feedback.Quality.Made;

namespace Attune.Tests.Feedback.Quality;

public sealed class PayTests
{
    private const string Plan =
        """
        currency: EUR
        prices:
          - {kind: pair, from: 0, to: 79, tasks: 3, price: 1.00}
          - {kind: pair, from: 80, to: 100, tasks: 3, price: 1.25}
          - {kind: rank, tasks: 1, price: 0.10}
        bonuses: [{name: care, measure: golden-accuracy, atLeast: 0.7, minimumCount: 2, percent: 10}]
        hourlyFloor: {rank: 12}
        """;

    private static PayPlan Parsed(string yaml) => Recipe.Parse<PayPlan>(yaml, "pay.yaml", []);

    private static PayInput Input(IReadOnlyList<Judgment> log) => new(new(log), Start, Start.AddDays(1));

    [Fact]
    public void A_statement_worked_by_hand()
    {
        // ann: five pairs at skill 0 and two at 80; two golden tasks right: Beta(3, 1), 0.75. One ranking of 90 s: the floor asks for 12·90/3600 = 0.30.
        List<Judgment> log = [.. Row("ann", 0, 0, 0, 0, 0, 0, 0), Judged("ann", "r", 0, 20, seconds: 90), Judged("ann", "later", 0, 1440), .. Row("ben", 0)];
        var input = Input(log) with
        {
            Input = new QualityInput(log) with { Tasks = [Golden("c0", 0), Golden("c1", 0), new() { ComparisonId = "r", Kind = "rank" }] },
            Skills = [new("ann", Start.AddMinutes(5), 80)],
        };

        var statements = PayStatement.Of(Parsed(Plan), input);

        Assert.Equal(["ann", "ben"], statements.Select(statement => statement.AnnotatorId));
        Assert.Equal(
            [
                new(PayReason.Tasks, "pair", 5, 1.00m, 3, 1.67m),         // 5/3
                new(PayReason.Tasks, "pair", 2, 1.25m, 3, 0.83m),         // 2.5/3
                new(PayReason.Tasks, "rank", 1, 0.10m, 1, 0.10m),
                new(PayReason.QualityBonus, "care", 0, null, null, 0.26m), // a tenth of 2.60
                new PayRow(PayReason.HourlyFloor, "rank", 0, null, null, 0.20m),
            ],
            statements[0].Rows);
        Assert.Equal(3.06m, statements[0].Total);
        Assert.Equal(new HourlyWage("rank", 0.025m, 12.00m, 12m), statements[0].Wages[1]);
        Assert.Equal(new HourlyWage("pair", 0.0389m, 64.29m, null), statements[0].Wages[0]); // 2.50 for 140 s
        Assert.Equal(0.33m, statements[1].Total); // no golden task, no bonus
    }

    [Fact]
    public void Corrections_are_paid_once_rejections_not_and_bonuses_of_rules_on_top()
    {
        List<Judgment> log = [Judged("ann", "c0", 0, 0), Judged("ann", "c0", 1, 1), Judged("ann", "c1", 0, 2), Judged("ann", "c2", 0, 3)];
        var firing = new Firing("streak", "cy", Start, "x", [new() { Do = ActionKind.Bonus, Amount = 0.5m }, new() { Do = ActionKind.Warn, Message = "m" }], [], "", [], [], null);

        var statements = PayStatement.Of(Parsed(Plan), Input(log) with { Rejected = new HashSet<string> { log[2].Id }, Firings = [firing, firing with { At = Start.AddDays(2) }] });

        Assert.Equal((0.67m, 1), (statements[0].Total, statements[0].Rejected)); // two of three thirds
        Assert.Equal([new PayRow(PayReason.RuleBonus, "streak", 0, null, null, 0.5m)], statements[1].Rows);
    }

    [Fact]
    public void Work_without_a_price_is_refused_with_all_gaps()
    {
        var log = Row("ann", 0, 0).ToList();
        var input = Input(log) with { Input = new QualityInput(log) with { Tasks = [new() { ComparisonId = "c0", Kind = "chat" }, new() { ComparisonId = "c1", Kind = "spans" }] } };

        Assert.Equal(["has none for chat at skill 0", "has none for spans at skill 0"],
            Assert.Throws<InputException>(() => PayStatement.Of(Parsed(Plan), input)).Problems.Select(problem => problem.Message.Split(',')[0]));
    }

    [Theory]
    [InlineData("{from: 0, to: 50, price: 1}, {from: 50, to: 100, price: 2}", "prices[1]")] // both ends belong to an interval
    [InlineData("{from: 60, to: 50, price: 1}", "prices[0].from")]
    [InlineData("{from: 0, to: 101, price: 1}", "prices[0].from")]
    [InlineData("{price: -1}", "prices[0].price")]
    [InlineData("{price: 1e2}", "prices[0].price")]
    [InlineData("{price: 1, tasks: 0}", "prices[0].tasks")]
    public void Prices_that_make_no_sense_are_refused(string prices, string key) =>
        Assert.Equal(key, Assert.Throws<InputException>(() => Parsed($"currency: EUR\nprices: [{prices}]")).Problems.Single().Key);

    [Fact]
    public void Intervals_that_meet_without_overlapping_and_other_kinds_are_fine()
    {
        var plan = Parsed("currency: USD\nprices: [{from: 0, to: 50, price: 1}, {from: 51, to: 100, price: 2}, {kind: rank, from: 0, to: 100, price: 3}]");

        Assert.Equal([1m, 1m, 2m, 2m], new[] { 0, 50, 51, 100 }.Select(skill => plan.PriceOf("pair", skill)!.Price));
        Assert.Null(plan.PriceOf("chat", 50));
        var wrong = Assert.Throws<InputException>(() => Parsed("currency: euro\nprices: [{price: 1}]\nhourlyFloor: {chat: 0}")).Problems.Select(problem => problem.Key);
        Assert.Equal(["currency", "hourlyFloor.chat", "hourlyFloor.chat"], wrong);
    }

    [Fact]
    public void Exports_hold_every_row_and_its_sum_and_no_formula()
    {
        var log = new[] { Judged("=1+1,\"x\"", "c0", 0, 0) };
        var statements = PayStatement.Of(Parsed(Plan), Input(log));

        Assert.Equal(
            "annotator,from,until,reason,what,tasks,page_price,page_tasks,amount,currency\r\n"
            + "\"'=1+1,\"\"x\"\"\",2026-01-05T09:00:00Z,2026-01-06T09:00:00Z,tasks,pair,1,1.00,3,0.33,EUR\r\n"
            + "\"'=1+1,\"\"x\"\"\",2026-01-05T09:00:00Z,2026-01-06T09:00:00Z,total,,1,,,0.33,EUR\r\n",
            PayExport.Csv(statements));
        using var json = JsonDocument.Parse(PayExport.Json(statements));
        Assert.Equal(0.33m, json.RootElement[0].GetProperty("total").GetDecimal());
        Assert.Equal("tasks", json.RootElement[0].GetProperty("rows")[0].GetProperty("reason").GetString());
    }

    [Fact]
    public void Sums_are_exact_where_floating_point_is_not()
    {
        var log = Enumerable.Range(0, 3).Select(i => Judged("ann", $"c{i}", 0, i)).ToList();

        Assert.Equal(0.3m, PayStatement.Of(Parsed("currency: EUR\nprices: [{tasks: 1, price: 0.1}]"), Input(log))[0].Total); // 0.1 + 0.1 + 0.1 is not 0.3 in binary
    }
}
