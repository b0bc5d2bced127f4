using Attune.Feedback;
using Attune.Feedback.Aggregation;
using static Attune.Tests.Feedback.Aggregation.GoldenLabels;

namespace Attune.Tests.Feedback.Aggregation;

public sealed class MetricsGoldenTests
{
    [FixtureFact]
    public void Consistency_with_the_skills_of_the_majority_vote() =>
        Near(Expected("consistency-toy").GetProperty("value").GetDouble(), LabelMetrics.Consistency(MajorityVote.Run(Data("toy"))), Computed, "consistency");

    [FixtureFact]
    public void Uncertainty_of_tasks_and_workers()
    {
        Assert.Equal(6, Cases("uncertainty", 6).Count);
        foreach (var id in new[] { "uncertainty-agree", "uncertainty-max" })
            Near(Expected(id).GetProperty("value").GetDouble(), LabelMetrics.TaskUncertainty(DataOf(Case(id))).Single(), Printed, id);
        foreach (var id in new[] { "uncertainty-byworker", "uncertainty-worker-12" })
        {
            var data = DataOf(Case(id));
            var byWorker = LabelMetrics.WorkerUncertainty(data);
            foreach (var worker in Expected(id).EnumerateObject().Where(entry => entry.Name != "order"))
                Near(worker.Value.GetDouble(), byWorker[data.WorkerNumber(worker.Name)], ToleranceOf(Case(id)), $"{id} {worker.Name}");
        }
        var fifteen = DataOf(Case("uncertainty-task-15"));
        var byTask = LabelMetrics.TaskUncertainty(fifteen);
        foreach (var task in Numbers(Expected("uncertainty-task-15").GetProperty("values")))
            Near(task.Value, byTask[fifteen.TaskNumber(task.Key)], 1e-9, $"uncertainty-task-15 {task.Key}");
        Assert.Throws<ArgumentException>(() => LabelMetrics.TaskUncertainty(DataOf(Case("uncertainty-missing-skill")), [1, 1]));
    }

    [FixtureFact]
    public void Alpha_is_the_one_of_agreement()
    {
        foreach (var id in new[] { "alpha-partial", "alpha-toy" })
        {
            var ratings = DataOf(Case(id)).Rows().Select(row => new Rating(row.Task, row.Worker, row.Label));
            Near(Expected(id).GetProperty("value").GetDouble(), Agreement.KrippendorffAlpha(ratings), Computed, id);
        }
    }

    [FixtureFact]
    public void Accuracy_over_all_by_task_by_worker_and_by_true_label()
    {
        var toy = Data("toy");
        var gold = TruthOf("toy", "gold");
        Near(Expected("golden-set-accuracy").GetProperty("overall").GetDouble(), LabelMetrics.Accuracy(toy.Rows(), gold), Computed, "overall");
        var byWorker = LabelMetrics.Accuracy(toy.Rows(), gold, AccuracyBy.Worker);
        Assert.Equal(Expected("golden-set-accuracy").GetProperty("by_worker").EnumerateArray().Select(x => x.GetDouble()),
            byWorker.OrderBy(worker => worker.Key, StringComparer.Ordinal).Select(worker => worker.Value));

        foreach (var id in new[] { "get-accuracy-weighted", "get-accuracy-unweighted" })
        {
            var rows = Rows(Case(id).GetProperty("rows")).ToList();
            var truth = Of(Parameter(Case(id), "truth")!.Value);
            Near(Expected(id).GetProperty("overall").GetDouble(), LabelMetrics.Accuracy(rows, truth), Computed, id);
            foreach (var (by, key) in new[] { (AccuracyBy.Task, "by_task"), (AccuracyBy.Worker, "by_worker"), (AccuracyBy.TrueLabel, "by_true_label") })
            {
                var shares = LabelMetrics.Accuracy(rows, truth, by);
                foreach (var expected in Numbers(Expected(id).GetProperty(key)))
                    Near(expected.Value, shares[expected.Key], Computed, $"{id} {key} {expected.Key}");
            }
        }
    }

    [FixtureFact]
    public void Workers_who_answer_too_alike_are_found()
    {
        Assert.Equal(["B"], LabelMetrics.WorkersBelowEntropy(DataOf(Case("entropy-threshold-doc"))));
        var kept = DataOf(Case("entropy-threshold-doc")).Rows().Where(row => row.Worker != "B").Select(row => (row.Task, row.Worker, row.Label));
        Assert.Equal(Rows(Expected("entropy-threshold-doc").GetProperty("kept_rows")).Select(row => (row.Task, row.Worker, row.Label)), kept);

        Assert.Equal(["B", "C", "D"], LabelMetrics.WorkersBelowEntropy(DataOf(Case("entropy-threshold-min1")), minimumAnswers: 1));

        var twenty = DataOf(Case("entropy-threshold-20"));
        var removed = LabelMetrics.WorkersBelowEntropy(twenty, percentile: 20);
        Assert.Contains("B", removed);
        var ones = Enumerable.Repeat(0.9, twenty.Workers.Count).ToArray(); // skills of 1 make every contradiction impossible
        var rest = LabelSet.Of(twenty.Rows().Where(row => !removed.Contains(row.Worker)));
        Assert.True(LabelMetrics.Consistency(MajorityVote.Run(rest), ones) >= LabelMetrics.Consistency(MajorityVote.Run(twenty), ones));

        var (simple, truth) = (Data("simple"), TruthOf("simple", "truth"));
        var silent = LabelMetrics.WorkersBelowEntropy(simple, percentile: 20);
        Assert.All(Expected("entropy-threshold-simple").GetProperty("removed_workers_include").EnumerateArray(), worker => Assert.Contains(worker.GetString(), silent));
        var after = MajorityVote.Run(LabelSet.Of(simple.Rows().Where(row => !silent.Contains(row.Worker))));
        Assert.True(LabelMetrics.Accuracy(after, truth) >= LabelMetrics.Accuracy(MajorityVote.Run(simple), truth));
    }
}
