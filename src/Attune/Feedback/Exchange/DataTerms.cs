using System.Text;
using System.Text.Json.Serialization;
using Attune.Runs;

namespace Attune.Feedback.Exchange;

/// <summary>What somebody wants to do with a data set.</summary>
public enum DataUse
{
    /// <summary>Teach a model with it.</summary>
    [JsonStringEnumMemberName("train")] Train,

    /// <summary>Give it to others.</summary>
    [JsonStringEnumMemberName("redistribute")] Redistribute,

    /// <summary>Use it, or what is made from it, in business.</summary>
    [JsonStringEnumMemberName("commercial")] Commercial,
}

/// <summary>
/// Where data come from and what may be done with them: stated by who brings them, carried along, and held against every export. What is unknown may be
/// learnt from and nothing else. Not here: whether the statement is true.
/// </summary>
public sealed record DataTerms : IChecked
{
    /// <summary>The word for what nobody knows.</summary>
    public const string Unknown = "unknown";

    /// <summary>Who made the data: people, a program, a published set with its address.</summary>
    public required string Source { get; init; }

    /// <summary>The licence's name, such as "CC BY 4.0"; "unknown" where nobody knows.</summary>
    public required string Licence { get; init; }

    /// <summary>What those who judged agreed to; "unknown" where nobody knows.</summary>
    public required string Consent { get; init; }

    /// <summary>What may be done; nothing else may.</summary>
    public required IReadOnlyList<DataUse> Allows { get; init; }

    /// <summary>Terms of data of which nobody knows where they come from.</summary>
    public static DataTerms OfUnknown { get; } = new() { Source = Unknown, Licence = Unknown, Consent = Unknown, Allows = [DataUse.Train] };

    /// <summary>What somebody states of data that they bring, as flags and forms have it.</summary>
    /// <param name="terms">"unknown" alone says that nobody knows anything; else the others state all.</param>
    /// <param name="source">Who made the data.</param>
    /// <param name="licence">The licence.</param>
    /// <param name="consent">What those who judged agreed to.</param>
    /// <param name="allows">Uses with commas between; empty for none.</param>
    /// <exception cref="InputException">Something is missing or contradicts itself; lists it all.</exception>
    public static DataTerms Of(string? terms, string? source, string? licence, string? consent, string? allows)
    {
        var problems = new InputProblems("The terms of the data");
        if (terms is { Length: > 0 })
        {
            if (!IsUnknown(terms) || new[] { source, licence, consent, allows }.Any(one => !string.IsNullOrEmpty(one)))
                throw InputException.One("The terms of the data", $"are {terms}", $"\"{Unknown}\" alone, or origin, licence, consent and allows", "state what is known");
            return OfUnknown;
        }
        foreach (var (key, value) in new[] { ("origin", source), ("licence", licence), ("consent", consent) })
        {
            if (string.IsNullOrWhiteSpace(value))
                problems.Add(Problem.Of(key, "is not stated", $"a line of text, or \"{Unknown}\"", $"state it, or say {Unknown} for all terms"));
        }
        var uses = Uses("allows", allows, problems);
        problems.ThrowIfAny();
        var stated = new DataTerms { Source = source!, Licence = licence!, Consent = consent!, Allows = uses };
        problems.Add(stated.Check());
        problems.ThrowIfAny();
        return stated;
    }

    /// <summary>Uses out of a list with commas.</summary>
    public static IReadOnlyList<DataUse> Uses(string key, string? text, InputProblems problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        var uses = new List<DataUse>();
        foreach (var word in (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (Enum.GetValues<DataUse>().Where(use => Word(use) == word).ToArray() is [var use])
                uses.Add(use);
            else
                problems.Add(Problem.Of(key, $"has {word}", "train, redistribute or commercial, with commas between", "correct it"));
        }
        return [.. uses.Distinct()];
    }

    /// <inheritdoc/>
    public IEnumerable<Problem> Check()
    {
        foreach (var (key, value) in new[] { ("source", Source), ("licence", Licence), ("consent", Consent) })
        {
            if (string.IsNullOrWhiteSpace(value) || value.Any(char.IsControl))
                yield return Problem.Of($"terms.{key}", value is { Length: > 0 } && !string.IsNullOrWhiteSpace(value) ? "holds control characters" : "is empty", $"a line of text, or \"{Unknown}\"", "state it");
        }
        if (Allows.Distinct().Count() < Allows.Count || Allows.Any(use => !Enum.IsDefined(use)))
            yield return Problem.Of("terms.allows", $"is [{string.Join(", ", Allows)}]", "train, redistribute and commercial, each once at most", "correct it");
        if (Allows.Contains(DataUse.Redistribute) && IsUnknown(Licence))
            yield return Problem.Of("terms.allows", "has redistribute while the licence is unknown", "no redistribution of what nobody knows the licence of", "state the licence, or leave redistribute out");
        if (Allows.Contains(DataUse.Redistribute) && IsUnknown(Consent))
            yield return Problem.Of("terms.allows", "has redistribute while consent is unknown", "no redistribution of what nobody knows the consent to", "state the consent, or leave redistribute out");
    }

    /// <summary>What of a use the terms do not allow.</summary>
    /// <param name="name">What the terms are of.</param>
    /// <param name="uses">What is wanted.</param>
    public IEnumerable<Problem> Refuse(string name, IReadOnlyList<DataUse> uses)
    {
        foreach (var use in uses.Distinct().Where(use => !Allows.Contains(use)))
        {
            var allowed = Allows.Count == 0 ? "nothing" : string.Join(", ", Allows.Select(Word));
            yield return Problem.Of(name, $"does not allow {use switch { DataUse.Train => "training", DataUse.Redistribute => "redistribution", _ => "commercial use" }} (licence {Licence}, consent: {Consent}; allowed: {allowed})", "terms that allow it",
                "leave those data out, ask who gave them, or correct the terms");
        }
    }

    /// <summary>A use as files and flags write it.</summary>
    public static string Word(DataUse use) => use.ToString().ToLowerInvariant();

    private static bool IsUnknown(string text) => text.Trim().Equals(Unknown, StringComparison.OrdinalIgnoreCase);
}

/// <summary>A part of an export that has terms of its own.</summary>
/// <param name="Name">What it is called: a file that was imported, or "collected here".</param>
/// <param name="Rows">Comparisons of it in the export.</param>
/// <param name="Terms">Its terms.</param>
public sealed record TermsOfPart(string Name, int Rows, DataTerms Terms);

/// <summary>The card of a data set: what it holds and what may be done with it, for people (<c>DATASET.md</c>).</summary>
public static class DataCard
{
    /// <summary>The file's name.</summary>
    public const string FileName = "DATASET.md";

    /// <summary>Fails where a part's terms do not allow the use.</summary>
    /// <exception cref="InputException">Names every part and use.</exception>
    public static void Require(string what, IReadOnlyList<TermsOfPart> parts, IReadOnlyList<DataUse> uses)
    {
        ArgumentNullException.ThrowIfNull(parts);
        var problems = parts.SelectMany(part => part.Terms.Refuse(part.Name, uses)).ToList();
        if (problems.Count > 0)
            throw new InputException(what, problems);
    }

    /// <summary>Writes the card.</summary>
    /// <param name="title">Its title.</param>
    /// <param name="facts">What is counted: name and number or word.</param>
    /// <param name="parts">The parts with their terms.</param>
    public static string Text(string title, IReadOnlyList<(string Name, string Value)> facts, IReadOnlyList<TermsOfPart> parts)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(parts);
        var text = new StringBuilder($"# {Line(title)}\n\n| | |\n|---|---|\n");
        foreach (var (name, value) in facts)
            text.Append($"| {Line(name)} | {Line(value)} |\n");
        text.Append("\n## Terms\n\nWhat may be done with the whole is what every part allows.\n\n| Part | Rows | Source | Licence | Consent | Allows |\n|---|---|---|---|---|---|\n");
        foreach (var part in parts)
        {
            text.Append($"| {Line(part.Name)} | {part.Rows} | {Line(part.Terms.Source)} | {Line(part.Terms.Licence)} | {Line(part.Terms.Consent)} | "
                + $"{(part.Terms.Allows.Count == 0 ? "nothing" : string.Join(", ", part.Terms.Allows.Select(DataTerms.Word)))} |\n");
        }
        var whole = Enum.GetValues<DataUse>().Where(use => parts.All(part => part.Terms.Allows.Contains(use))).ToArray();
        return text.Append($"\nThe whole allows: {(whole.Length == 0 ? "nothing" : string.Join(", ", whole.Select(DataTerms.Word)))}.\n").ToString();
    }

    /// <summary>A cell of a table: one line, and no character that would end it.</summary>
    private static string Line(string text) => text.ReplaceLineEndings(" ").Replace("\\", "\\\\", StringComparison.Ordinal).Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
}
