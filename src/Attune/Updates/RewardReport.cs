using System.Text;
using Attune.Feedback;
using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>One pair of the report, as a line of <c>evaluation.jsonl</c>: what every accuracy is counted from. Holds no text.</summary>
/// <param name="Pair">Its place among the pairs reported on, from 0.</param>
/// <param name="Id">Its name in the file it comes from, if it has one.</param>
/// <param name="Source">By what name results list that file.</param>
/// <param name="Prompt">A number that pairs of the same prompt share, from 0.</param>
/// <param name="Annotators">Whose judgment it is, if that is known.</param>
/// <param name="PChosen">Share of judges for the chosen answer, at least ½; null where only the choice is known.</param>
/// <param name="Lead">Score of the chosen answer minus that of the other.</param>
/// <param name="Right">1, ½ or 0; null where nobody won.</param>
/// <param name="Nulls">The same for each baseline; null where it has nothing to say.</param>
public sealed record ReportedPair(
    int Pair, string? Id, string Source, int Prompt, string? Annotators, double? PChosen, double Lead, double Right, IReadOnlyDictionary<string, double> Nulls);

/// <summary>
/// Holds a trained reward model against comparisons that it did not learn from, and against baselines on the same ones. Not here: what the
/// figures mean (<see cref="RewardEvaluation"/>, <see cref="PreferenceNulls"/>, <see cref="AccuracyFigure"/>).
/// </summary>
internal sealed class RewardReport
{
    private readonly IReadOnlyList<HeldOutPair> _pairs;
    private readonly RewardEvaluation _found;
    private readonly double[] _leads;
    private readonly string[] _prompts;
    private readonly IReadOnlyList<NullAccuracy> _nulls;

    /// <summary>Scores and counts.</summary>
    /// <param name="model">The trained model.</param>
    /// <param name="scale">How its scores differ from those that its loss was trained on.</param>
    /// <param name="data">The comparisons.</param>
    /// <param name="microBatch">Sequences in one forward pass.</param>
    public RewardReport(RewardModel model, RewardScale scale, RewardData data, int microBatch)
    {
        _pairs = data.Test;
        var tokens = _pairs.Select(pair => pair.Tokens).ToArray();
        _leads = RewardEvaluation.Leads(model, tokens, microBatch);
        _found = RewardEvaluation.Of(tokens, _leads, scale);
        _prompts = [.. _pairs.Select(pair => pair.Cluster)];
        _nulls = [.. PreferenceNulls.Of([.. _pairs.Select(pair => pair.Text)], data.TrainingTexts, new Seed(0)).Select(Decided)];
    }

    /// <summary>Everything but what the training itself knows.</summary>
    public RewardResult AddTo(RewardResult result) => result with
    {
        Accuracy = AccuracyFigure.Of("reward model", _found.Outcomes, _prompts),
        Undecided = _found.Undecided,
        ByAgreement = [.. _found.ByAgreement.Where(row => row.Places.Count > 0).Select(row => Over(row.Name, row.Places))],
        ByAnnotators = [.. _found.ByAnnotatorGroup.Select(row => Over(row.Name, row.Places))],
        BySource = [.. Enumerable.Range(0, _pairs.Count).GroupBy(k => _pairs[k].From.Source).Select(group => Over(group.Key, [.. group]))],
        Nulls = [.. _nulls.Select(one => AccuracyFigure.Of(one.Name, one.Outcomes, _prompts))],
        LeadOverNulls = [.. _nulls.Select(one => AccuracyFigure.Lead(one.Name, _found.Outcomes, one.Outcomes, _prompts))],
        Loss = _found.Loss,
        Calibration = _found.Calibration,
    };

    /// <summary>Writes <c>evaluation.jsonl</c>, whole or not at all.</summary>
    public void Write(string path)
    {
        var numbers = _prompts.Distinct(StringComparer.Ordinal).Select((prompt, k) => (prompt, k)).ToDictionary(p => p.prompt, p => p.k, StringComparer.Ordinal);
        var lines = new StringBuilder();
        for (var k = 0; k < _pairs.Count; k++)
        {
            var from = _pairs[k].From;
            var nulls = _nulls.ToDictionary(one => one.Name, one => one.Outcomes[k]);
            lines.Append(ResultFile.Json(new ReportedPair(k, from.Id, from.Source, numbers[_prompts[k]], from.Group, from.PChosen, _leads[k], _found.Outcomes[k], nulls))).Append('\n');
        }

        AtomicFile.WriteText(path, lines.ToString());
    }

    /// <summary>A baseline's outcomes where somebody won.</summary>
    private NullAccuracy Decided(NullAccuracy one) =>
        one with { Outcomes = [.. one.Outcomes.Select((outcome, k) => double.IsNaN(_found.Outcomes[k]) ? double.NaN : outcome)] };

    private AccuracyFigure Over(string name, IReadOnlyList<int> places) =>
        AccuracyFigure.Of(name, [.. places.Select(k => _found.Outcomes[k])], [.. places.Select(k => _prompts[k])]);
}
