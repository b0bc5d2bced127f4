using Attune.Torch;

namespace Attune.Feedback.Exchange;

/// <summary>What the fields of a file mean where its shape leaves that to whoever made it.</summary>
public sealed record ImportOptions
{
    /// <summary>What kind of judge gave the judgments whose rows do not say.</summary>
    public JudgmentSource Source { get; init; } = JudgmentSource.Human;

    /// <summary>The pseudonym of who judged rows that name nobody.</summary>
    public string Annotator { get; init; } = "imported";

    /// <summary>Put before every pseudonym of the file, so that they are not taken for people who are known here.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Label Studio and Argilla: the field that holds the prompt; found by its name where null.</summary>
    public string? Prompt { get; init; }

    /// <summary>Label Studio and Argilla: the fields that hold the answers, in order; found by their names where null.</summary>
    public IReadOnlyList<string>? Answers { get; init; }
}

/// <summary>What a file holds, in Attune's own terms.</summary>
/// <param name="Comparisons">Each comparison once.</param>
/// <param name="Judgments">The judgments; of each annotator on a comparison the last alone.</param>
/// <param name="Rows">Rows read.</param>
/// <param name="Repeated">Judgments whose place a later one took.</param>
/// <param name="Delivered">Each row as it stands in the file.</param>
public sealed record ImportedFeedback(IReadOnlyList<JudgedComparison> Comparisons, IReadOnlyList<Judgment> Judgments, int Rows, int Repeated, IReadOnlyList<DeliveredRow> Delivered);

/// <summary>Puts rows together: equal prompts with equal answers become one comparison, whoever judged it and in whatever order they saw it.</summary>
internal sealed class ImportBuilder
{
    private readonly Dictionary<string, JudgedComparison> _comparisons = new(StringComparer.Ordinal);
    private readonly Dictionary<(string, string), Judgment> _judgments = [];
    private readonly List<(string Place, Comparison Comparison, List<string> Annotators)> _rows = [];
    private int _repeated;

    /// <summary>Where the row stands that is read now.</summary>
    public string Place { get; set; } = "";

    /// <summary>Adds a comparison; gives it, and where each given answer stands in it.</summary>
    /// <param name="judged">The id may be empty. Answers may stand in any order: that of the file would say which was chosen.</param>
    public (Comparison Comparison, int[] Place) Add(JudgedComparison judged)
    {
        var given = judged.Comparison.Answers;
        var order = Enumerable.Range(0, given.Count).OrderBy(i => given[i].Id, StringComparer.Ordinal).ThenBy(i => given[i].Text, StringComparer.Ordinal).ThenBy(i => given[i].Source, StringComparer.Ordinal).ToArray();
        var content = order.Aggregate(new Seed(0).For("import").For(judged.Comparison.Prompt), (seed, i) => seed.For(given[i].Text));
        var id = judged.Comparison.Id.Length > 0 ? judged.Comparison.Id : $"i-{content.Value:x16}";
        _rows.Add((Place, judged.Comparison with { Id = id }, []));
        if (!_comparisons.TryGetValue(id, out var there))
        {
            _comparisons[id] = there = judged with
            {
                Comparison = judged.Comparison with
                {
                    Id = id,
                    Answers = [.. order.Select((i, place) => given[i].Id.Length > 0 ? given[i] : given[i] with { Id = $"{id}.{place}" })],
                    Order = content.For("order").Permutation(given.Count),
                },
            };
        }
        return (there.Comparison, [.. Enumerable.Range(0, given.Count).Select(i => Array.IndexOf(order, i))]);
    }

    /// <summary>What is there under an id already; null for nothing.</summary>
    public Comparison? Find(string id) => _comparisons.GetValueOrDefault(id)?.Comparison;

    /// <summary>Adds a judgment; a later one of the same annotator takes the place of an earlier.</summary>
    public void Judge(Judgment judgment)
    {
        var key = (judgment.ComparisonId, judgment.AnnotatorId);
        if (_judgments.ContainsKey(key))
            _repeated++;
        _judgments[key] = judgment;
        _rows[^1].Annotators.Add(judgment.AnnotatorId);
    }

    public ImportedFeedback Done(int rows) => new([.. _comparisons.Values], [.. _judgments.Values], rows, _repeated, [.. _rows.Select(row => new DeliveredRow(row.Place, row.Comparison, row.Annotators))]);
}
