using System.Text.Json;
using Attune.Models;
using Attune.Runs;

namespace Attune.Rollouts;

/// <summary>
/// What somebody chose for sampling from a model; null where the choice is left to the author of the model, whose
/// <c>generation_config.json</c> decides, or else to Attune.
/// </summary>
public sealed record SamplingChoices
{
    private const int UsualNewTokens = 64;

    /// <summary>Take the likeliest token. Where nobody says, an author's <c>do_sample: false</c> says it, unless something about drawing is chosen.</summary>
    public bool IsGreedy { get; init; }

    /// <inheritdoc cref="SamplingOptions.Temperature"/>
    public double? Temperature { get; init; }

    /// <inheritdoc cref="SamplingOptions.TopK"/>
    public int? TopK { get; init; }

    /// <inheritdoc cref="SamplingOptions.TopP"/>
    public double? TopP { get; init; }

    /// <inheritdoc cref="SamplingOptions.MinP"/>
    public double? MinP { get; init; }

    /// <inheritdoc cref="SamplingOptions.RepetitionPenalty"/>
    public double? RepetitionPenalty { get; init; }

    /// <inheritdoc cref="SamplingOptions.MinimumNewTokens"/>
    public int? MinimumNewTokens { get; init; }

    /// <summary>Most new tokens; where it is left open, no more than the model has positions for.</summary>
    public int? MaximumNewTokens { get; init; }

    /// <inheritdoc cref="SamplingOptions.EndTokens"/>
    public IReadOnlyList<int>? EndTokens { get; init; }

    /// <inheritdoc cref="SamplingOptions.StopStrings"/>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>The choices joined with the folder's settings.</summary>
    /// <param name="model">The model's folder.</param>
    /// <param name="promptTokens">Length of the prompt.</param>
    /// <param name="problems">Takes everything that is wrong, under the names of <paramref name="nameOf"/>.</param>
    /// <param name="nameOf">How the person calls a choice, by the key of <see cref="SamplingOptions"/> in camel case: <c>topK</c> is <c>--top-k</c>.</param>
    /// <returns>To be used only when there was no problem.</returns>
    public SamplingOptions Over(ModelDescription model, int promptTokens, ICollection<Problem> problems, Func<string, string> nameOf)
    {
        var room = model.Config.MaximumPositions - promptTokens;
        var isGreedy = IsGreedy || (model.Usual.Samples == false && Drawing.All(choice => choice.Value is null));
        var usual = isGreedy ? WithoutDrawing(model.Usual) : model.Usual;
        var options = new SamplingOptions
        {
            IsGreedy = isGreedy,
            Temperature = Temperature ?? usual.Temperature ?? 1,
            TopK = TopK ?? usual.TopK ?? 0,
            TopP = TopP ?? usual.TopP ?? 1,
            MinP = MinP ?? usual.MinP ?? 0,
            RepetitionPenalty = RepetitionPenalty ?? usual.RepetitionPenalty ?? 1,
            MinimumNewTokens = MinimumNewTokens ?? 0,
            MaximumNewTokens = MaximumNewTokens ?? Math.Max(1, Math.Min(usual.MaximumNewTokens ?? UsualNewTokens, room)),
            EndTokens = EndTokens ?? model.EndIds,
            StopStrings = StopStrings,
        };
        foreach (var problem in Contradictions(nameOf).Concat(options.Problems(NameOrFile(nameOf), model.Config.VocabularySize)).Concat(TooLong(room, nameOf)).Concat(StopProblems(model, nameOf)))
            problems.Add(problem);
        return options;
    }

    /// <summary>The choices that only matter where tokens are drawn.</summary>
    private (string Key, object? Value)[] Drawing => [("temperature", Temperature), ("topK", TopK), ("topP", TopP), ("minP", MinP)];

    /// <summary>The author's settings for drawing, of which none matters where the likeliest token is taken.</summary>
    private static GenerationConfig WithoutDrawing(GenerationConfig usual) => usual with { Temperature = null, TopK = null, TopP = null, MinP = null };

    private IEnumerable<Problem> Contradictions(Func<string, string> nameOf)
    {
        if (!IsGreedy)
            yield break;
        foreach (var (key, value) in Drawing.Where(choice => choice.Value is not null))
            yield return Problem.Of(nameOf(key), $"is {value} beside {nameOf("isGreedy")}", "one of the two, as the likeliest token needs no draw", "leave one out");
    }

    /// <summary>A value that nobody chose is the author's.</summary>
    private Func<string, string> NameOrFile(Func<string, string> nameOf) => key =>
    {
        object? chosen = key switch
        {
            "repetitionPenalty" => RepetitionPenalty,
            "minimumNewTokens" => MinimumNewTokens,
            "maximumNewTokens" => MaximumNewTokens,
            "endTokens" => EndTokens,
            "stopStrings" => StopStrings,
            _ => Drawing.First(choice => choice.Key == key).Value,
        };
        return chosen is null && key != "maximumNewTokens" ? $"{GenerationConfig.FileName} {JsonNamingPolicy.SnakeCaseLower.ConvertName(key)}" : nameOf(key);
    };

    private IEnumerable<Problem> TooLong(int room, Func<string, string> nameOf)
    {
        if (room > 0 && MaximumNewTokens > room)
            yield return Problem.Of(nameOf("maximumNewTokens"), $"is {MaximumNewTokens}", $"at most the {room} positions that the prompt leaves", "ask for fewer, or shorten the prompt");
    }

    private IEnumerable<Problem> StopProblems(ModelDescription model, Func<string, string> nameOf)
    {
        if (StopStrings.Count > 0 && model.Tokenizer is null)
            yield return Problem.Of(nameOf("stopStrings"), "is given", $"a tokenizer in {model.Folder}, which has none", $"add the tokenizer, or end at tokens with {nameOf("endTokens")}");
    }
}
