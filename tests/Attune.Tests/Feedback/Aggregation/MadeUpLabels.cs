using Attune.Feedback.Aggregation;
using Attune.Torch;

namespace Attune.Tests.Feedback.Aggregation;

/// <summary>Labels of workers who are right with known probabilities, and else give any other label alike.</summary>
internal sealed class MadeUpLabels
{
    private MadeUpLabels(List<LabelRow> rows, Truth truth) => (Rows, Truth) = (rows, truth);

    public List<LabelRow> Rows { get; }

    public Truth Truth { get; }

    public LabelSet Data => LabelSet.Of(Rows);

    /// <summary>Every worker answers every task.</summary>
    public static MadeUpLabels Of(int tasks, int classes, params double[] skills)
    {
        var seed = new Seed(7).For("made-up labels");
        string TruthOf(int task) => $"c{seed.For("truth").Below(classes, task)}";
        string Answer(int task, int worker)
        {
            var right = seed.For("truth").Below(classes, task);
            var other = (right + 1 + seed.For("other").Below(classes - 1, task, worker)) % classes;
            return $"c{(seed.For("skill").Uniform(task, worker) < skills[worker] ? right : other)}";
        }
        var rows = Enumerable.Range(0, tasks).SelectMany(task => skills.Select((_, worker) => new LabelRow($"t{task}", $"w{worker}", Answer(task, worker))));
        return new([.. rows], Truth.Of(Enumerable.Range(0, tasks).Select(task => ($"t{task}", TruthOf(task)))));
    }
}
