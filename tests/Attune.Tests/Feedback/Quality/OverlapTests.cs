using Attune.Feedback.Aggregation;
using Attune.Feedback.Quality;
using Attune.Tests.Feedback.Aggregation;

namespace Attune.Tests.Feedback.Quality;

public sealed class OverlapTests
{
    [Fact]
    public void The_posterior_of_skills_worked_by_hand()
    {
        // 0.8·0.6 against 0.2·0.4: 0.48/0.56
        Assert.Equal(6 / 7.0, DynamicOverlap.Posterior([(0, 0.8), (0, 0.6)], 2)[0], 12);
        // 0.8·0.4 against 0.2·0.6, with priors 1/4 and 3/4: 0.32 against 0.36
        Assert.Equal(0.32 / 0.68, DynamicOverlap.Posterior([(0, 0.8), (1, 0.6)], 2, [0.25, 0.75])[0], 12);
        // of three labels 0.7 for the answer and 0.15 for each other
        Assert.Equal([0.15, 0.7, 0.15], DynamicOverlap.Posterior([(1, 0.7)], 3).Select(p => Math.Round(p, 12)));
        Assert.Equal([0.5, 0.5], DynamicOverlap.Posterior([], 2));
        Assert.Throws<ArgumentException>(() => DynamicOverlap.Posterior([(0, 0.8), (0, 1)], 2));
    }

    [Theory]
    [InlineData(0.99, 1, OverlapDecision.Extend)]  // sure, but below the minimum
    [InlineData(0.95, 2, OverlapDecision.Sure)]    // the threshold itself
    [InlineData(0.9499, 3, OverlapDecision.Extend)]
    [InlineData(0.9499, 5, OverlapDecision.Unsure)]
    [InlineData(0.96, 5, OverlapDecision.Sure)]
    public void A_task_stops_at_the_threshold_or_the_maximum(double probability, int answers, OverlapDecision decision) =>
        Assert.Equal(decision, DynamicOverlap.Decide(probability, answers, new() { Minimum = 2, Maximum = 5, Threshold = 0.95 }));

    [Fact]
    public void A_plan_counts_workers_and_not_rows()
    {
        var data = LabelSet.Of([new("t", "a", "x"), new("t", "a", "x"), new("t", "b", "y"), new("u", "a", "x"), new("u", "b", "x")]);
        var result = MajorityVote.Run(data);

        var plan = DynamicOverlap.Plan(result, new() { Minimum = 2, Maximum = 2, Threshold = 0.9 });

        Assert.Equal([("t", 2, "x", OverlapDecision.Unsure), ("u", 2, "x", OverlapDecision.Sure)], plan.Select(task => (task.Task, task.Answers, task.Label, task.Decision)));
        Assert.Equal(2 / 3.0, plan[0].Probability, 12);
    }

    [Fact]
    public void Options_that_make_no_sense_are_refused() =>
        Assert.Equal(["minimum", "maximum", "threshold"], new OverlapOptions { Minimum = 0, Maximum = -1, Threshold = 1 }.Check().Select(problem => problem.Key));

    [Fact]
    public void Dynamic_overlap_asks_less_than_fixed_for_the_same_accuracy_where_workers_differ()
    {
        var made = MadeUpLabels.Of(tasks: 1500, classes: 2, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6);

        var points = OverlapSimulation.Run(made.Data, made.Truth, new() { Minimum = 2, Maximum = 8 }, seeds: 1);

        var curve = points.Where(point => point.Fixed is not null).ToList();
        Assert.Equal(Enumerable.Range(1, 8).Select(overlap => 1500.0 * overlap), curve.Select(point => point.Answers));
        Assert.True(curve[7].Accuracy > 0.9 && curve[0].Accuracy < curve[7].Accuracy);
        var dynamic = points.Where(point => point.Threshold is not null).ToList();
        Assert.Equal(dynamic.Select(point => point.Answers).Order(), dynamic.Select(point => point.Answers)); // a higher threshold asks more
        Assert.True(dynamic[3].Saving > 0.15, $"{dynamic[3]}"); // measured: see docs/quality-control.md for real data
        Assert.All(dynamic, point => Assert.InRange(point.Answers, 2 * 1500, 8 * 1500));
    }

    [Fact]
    public void Cost_at_a_quality_lies_on_the_line_between_neighbours()
    {
        (double, double)[] curve = [(10, 0.5), (20, 0.7), (30, 0.6), (40, 0.9)];

        Assert.Equal(15, CostCurve.At(0.6, curve)!.Value, 12);
        Assert.Equal(10, CostCurve.At(0.4, curve));
        Assert.Equal(35, CostCurve.At(0.75, curve)!.Value, 12);
        Assert.Null(CostCurve.At(0.95, curve));
    }
}
