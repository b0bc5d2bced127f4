using System.CommandLine;
using Attune.Cli.Output;
using Attune.Models;
using Attune.Runs;

namespace Attune.Cli;

/// <summary>What a model is to read: <c>--ids</c>, <c>--text</c>, or a text on standard input.</summary>
internal static class GivenTokens
{
    public static Argument<string> Model { get; } = new("model") { Description = "Model folder" };

    public static Option<string> Ids { get; } = new("--ids") { Description = "Token ids with spaces between", HelpName = "IDS" };

    public static Option<string> Text { get; } = new("--text") { Description = "A text; without it and --ids, standard input less its last line break", HelpName = "TEXT" };

    /// <summary>The folder's description. With ids no tokenizer is needed, and none is read unless somebody wants to see text.</summary>
    public static ModelDescription Describe(ParseResult parsed, TokenizerUse withIds) =>
        ModelDescription.Read(parsed.GetRequiredValue(Model), parsed.GetValue(Ids) is null ? TokenizerUse.Needed : withIds);

    /// <summary>The tokens.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="output">Where standard input is.</param>
    /// <param name="model">The model that is to read them.</param>
    /// <param name="most">The most tokens there may be.</param>
    /// <param name="problems">Takes what is wrong.</param>
    public static int[] Read(ParseResult parsed, ConsoleOutput output, ModelDescription model, int most, List<Problem> problems)
    {
        var (ids, text) = (parsed.GetValue(Ids), parsed.GetValue(Text));
        if (ids is not null && text is not null)
            problems.Add(Problem.Of(Text.Name, "is given beside --ids", "one of the two", "leave one out"));
        var before = problems.Count;
        var name = ids is not null ? Ids.Name : text is not null ? Text.Name : "standard input";
        var tokens = ids is not null
            ? Cli.Ids.Read(ids, name, model.Config.VocabularySize, problems)
            : model.Tokenizer!.Opened(model.Tokenizer.Encode(text ?? WithoutLastBreak(output.ReadInput())));
        if (tokens.Length == 0 && problems.Count == before)
            problems.Add(Problem.Of(name, "has no tokens", "at least one", "give some"));
        if (tokens.Length > most)
            problems.Add(Problem.Of(name, $"has {tokens.Length} tokens", $"at most {most} for a model of {model.Config.MaximumPositions} positions", "give fewer"));
        return tokens;
    }

    private static string WithoutLastBreak(string text) => text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2] : text.EndsWith('\n') ? text[..^1] : text;
}
