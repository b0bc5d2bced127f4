using System.Text;
using System.Text.Json;
using Attune.Feedback;
using Attune.Feedback.Quality;
using Attune.Runs;
using Attune.Storage;
using Attune.Storage.Quality;
using Attune.Storage.Work;
using Attune.Torch;

namespace Attune.Web.Work;

/// <summary>A prompt with an answer: a line of the files from which golden tasks are made.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Answer">The answer.</param>
/// <param name="Source">What wrote it; "golden" where it is left out.</param>
public sealed record PromptAnswer(string Prompt, string Answer, string? Source = null);

/// <summary>Golden tasks to make by machine.</summary>
/// <param name="Answers">Answers known to be good.</param>
/// <param name="Tricks">How the worse ones come about: "truncated", "shuffled", "other-prompt", "other-data", "weaker-model".</param>
/// <param name="Weaker">An older or weaker model's answers to the same prompts.</param>
/// <param name="OtherData">Texts of another data set.</param>
/// <param name="Seed">Decides the draws; the same request with the same seed makes the same tasks.</param>
public sealed record GoldenRequest(IReadOnlyList<PromptAnswer> Answers, IReadOnlyList<GoldenTrick> Tricks, IReadOnlyList<PromptAnswer>? Weaker = null, IReadOnlyList<string>? OtherData = null, long Seed = 1)
{
    /// <summary>Makes the tasks and adds them; gives how many were new.</summary>
    /// <exception cref="InputException">Something is missing that a trick needs.</exception>
    public Task<int> AddAsync(Database database, string projectId, string? actorId, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(database);
        var problems = new List<Problem>();
        if (Answers.Count == 0)
            problems.Add(Problem.Of("answers", "has no answer", "at least one", "add prompts with good answers"));
        if (Tricks.Count == 0)
            problems.Add(Problem.Of("tricks", "has none", "at least one", "truncated and shuffled need nothing else"));
        if (Tricks.Contains(GoldenTrick.WeakerModel) && Weaker is not { Count: > 0 })
            problems.Add(Problem.Of("weaker", "is missing", "answers of a weaker model with weaker-model", "add them, or leave the trick out"));
        if (Tricks.Contains(GoldenTrick.OtherData) && OtherData is not { Count: > 0 })
            problems.Add(Problem.Of("otherData", "is missing", "texts with other-data", "add them, or leave the trick out"));
        if (problems.Count > 0)
            throw new InputException("The golden tasks", problems);
        var weaker = (Weaker ?? []).GroupBy(row => row.Prompt, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        var sources = Answers.Select(row => new GoldenSource(row.Prompt, Of(row), weaker.TryGetValue(row.Prompt, out var worse) ? Of(worse) : null)).ToList();
        var items = GoldenItems.Make(sources, Tricks, new Seed((ulong)Seed), OtherData);
        if (items.Count == 0)
            throw InputException.One("The golden tasks", "came to none", "answers that the tricks change", "use longer answers, or other tricks");
        return database.Quality.AddKnownAsync(projectId, [.. items.Select(item => new KnownComparison(item.Comparison, new() { Best = item.Best }))], TaskPurpose.Golden, actorId, stop);
    }

    /// <summary>Reads lines of prompts with answers.</summary>
    /// <exception cref="InputException">A line cannot be read; names the first twenty.</exception>
    public static IReadOnlyList<PromptAnswer> Lines(string name, byte[] content)
    {
        ArgumentNullException.ThrowIfNull(content);
        var (rows, problems, number) = (new List<PromptAnswer>(), new List<Problem>(), 0);
        foreach (var line in TextLines(content))
        {
            number++;
            try
            {
                if (line.Length > 0 && JsonSerializer.Deserialize<PromptAnswer>(line, JsonSerializerOptions.Web) is { Prompt: not null, Answer: not null } row)
                    rows.Add(row);
                else if (line.Length > 0)
                    throw new JsonException("has no prompt or no answer");
            }
            catch (JsonException e)
            {
                problems.Add(Problem.Of($"line {number}", $"cannot be read ({e.Message.TrimEnd('.')})", "{\"prompt\": …, \"answer\": …}", "correct it"));
            }
        }
        return problems.Count == 0 ? rows : throw new InputException(name, [.. problems.Take(20)]);
    }

    /// <summary>The lines of a file of texts.</summary>
    public static IReadOnlyList<string> Texts(byte[] content) => [.. TextLines(content).Where(line => line.Length > 0)];

    private static IEnumerable<string> TextLines(byte[] content) => Encoding.UTF8.GetString(content).TrimStart('\uFEFF').Split('\n').Select(line => line.Trim());

    private static Answer Of(PromptAnswer row) => new() { Source = row.Source ?? "golden", Text = row.Answer };
}
