using System.Text.Json.Serialization;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Feedback;

/// <summary>Whether an annotator's judgments train anything.</summary>
public enum AnnotatorGroup
{
    /// <summary>Their judgments train rewards and policies.</summary>
    [JsonStringEnumMemberName("training")] Training,

    /// <summary>Their judgments evaluate only.</summary>
    [JsonStringEnumMemberName("held-out")] HeldOut,
}

/// <summary>Someone who judges, known by a pseudonym only.</summary>
/// <param name="Id">The pseudonym.</param>
/// <param name="Group">Whether their judgments train anything.</param>
public sealed record Annotator(string Id, AnnotatorGroup Group);

/// <summary>
/// Who judges, split once into training and held-out, before anything is trained, and stored: evaluation by people whose taste the reward
/// model has learned would be the training signal again.
/// </summary>
/// <param name="SplitSeed">The seed that decided the split, in hexadecimal.</param>
/// <param name="People">Everyone.</param>
public sealed record Annotators(string SplitSeed, IReadOnlyList<Annotator> People)
{
    /// <summary>Those of one group.</summary>
    public IReadOnlyList<Annotator> Of(AnnotatorGroup group) => People.Where(person => person.Group == group).ToList();

    /// <summary>The group of a pseudonym, or null for one that is not known.</summary>
    public AnnotatorGroup? GroupOf(string id) => People.FirstOrDefault(person => person.Id == id)?.Group;

    /// <summary>Everyone in the training group, where nobody is held out.</summary>
    /// <param name="log">Who has judged.</param>
    public static Annotators OfOneGroup(IReadOnlyList<Judgment> log) =>
        new("", [.. log.Select(judgment => judgment.AnnotatorId).Distinct(StringComparer.Ordinal).Select(id => new Annotator(id, AnnotatorGroup.Training))]);

    /// <summary>Draws who is held out.</summary>
    /// <param name="ids">All pseudonyms, each once.</param>
    /// <param name="heldOut">How many are held out.</param>
    /// <param name="seed">Decides the draw.</param>
    public static Annotators Split(IReadOnlyList<string> ids, int heldOut, Seed seed)
    {
        ArgumentNullException.ThrowIfNull(ids);
        if (ids.Distinct(StringComparer.Ordinal).Count() != ids.Count)
            throw new ArgumentException("A pseudonym occurs twice, expected each once; rename one.", nameof(ids));
        if (heldOut < 0 || heldOut > ids.Count)
            throw new ArgumentOutOfRangeException(nameof(heldOut), heldOut, $"Expected 0 to {ids.Count}, the number of annotators.");
        var order = seed.For("annotator split").Permutation(ids.Count);
        var people = ids.Select((id, i) => new Annotator(id, order[i] < heldOut ? AnnotatorGroup.HeldOut : AnnotatorGroup.Training));
        return new($"{seed.Value:x16}", people.ToArray());
    }

    /// <summary>The split stored in a file if there is one, for a split is made once; else the given one, which it stores.</summary>
    public static Annotators LoadOr(string path, Annotators fresh)
    {
        ArgumentNullException.ThrowIfNull(fresh);
        if (File.Exists(path))
            return Load(path);
        fresh.Save(path);
        return fresh;
    }

    /// <summary>Writes <c>annotators.json</c>.</summary>
    public void Save(string path) => FeedbackFile.Write(path, this, FeedbackFile.Document.Annotators);

    /// <summary>Reads <c>annotators.json</c>.</summary>
    /// <exception cref="InputException">It is missing, malformed, or names someone twice.</exception>
    public static Annotators Load(string path)
    {
        var read = FeedbackFile.Read(path, FeedbackFile.Document.Annotators);
        var twice = read.People.CountBy(person => person.Id).Where(entry => entry.Value > 1).ToList();
        return twice.Count == 0 ? read
            : throw new InputException(path, twice.ConvertAll(entry => Problem.Of(entry.Key, $"is there {entry.Value} times", "each annotator once, in one group", "remove the others")));
    }
}
