using System.CommandLine;
using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary>The flags of a beam search.</summary>
internal static class BeamFlags
{
    private static readonly Option<int?> Beams = new("--beams") { Description = "Search for the likeliest samples with so many beams instead of drawing" };
    private static readonly Option<double?> LengthPenalty = new("--length-penalty") { Description = "Beams score log-prob / tokens^penalty; 1 without it" };
    private static readonly Option<string> Early = new("--early-stopping") { Description = "Whether a search ends once it has as many samples as beams; false without it", HelpName = "false|true|never" };
    private static readonly Option<int?> Best = new("--n-best") { Description = "How many samples a search prints, best first; all without it" };

    private static readonly Dictionary<string, string> Names = new() { ["beams"] = Beams.Name, ["lengthPenalty"] = LengthPenalty.Name, ["best"] = Best.Name };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Option> All { get; } = [Beams, LengthPenalty, Early, Best];

    /// <summary>How to search; null where nobody asked for it: neither a flag nor, where no flag is about draws, the author of the model.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="usual">The author's settings.</param>
    /// <param name="withoutDraws">Further flags that make no sense where nothing is drawn.</param>
    /// <param name="problems">Takes what is wrong.</param>
    public static BeamOptions? Read(ParseResult parsed, GenerationConfig usual, IEnumerable<Option> withoutDraws, List<Problem> problems)
    {
        var isAuthors = parsed.GetValue(Beams) is null && usual.Beams > 1 && !withoutDraws.Append(SamplingFlags.Temperature).Any(flag => IsGiven(parsed, flag));
        if (isAuthors && usual.Samples == true)
            problems.Add(Problem.Of($"{GenerationConfig.FileName} num_beams", $"is {usual.Beams} beside do_sample true", "one of the two, as Attune has no beams that draw", $"give {Beams.Name} {usual.Beams}, or draw with {SamplingFlags.Temperature.Name} {usual.Temperature ?? 1}"));
        if ((parsed.GetValue(Beams) ?? (isAuthors ? usual.Beams : null)) is not { } beams)
        {
            problems.AddRange(All.Where(flag => IsGiven(parsed, flag))
                .Select(flag => Problem.Of(flag.Name, $"is given without {Beams.Name}", "both, as nothing is searched for without beams", $"add {Beams.Name} 4, or leave it out")));
            return null;
        }

        problems.AddRange(withoutDraws.Where(flag => IsGiven(parsed, flag))
            .Select(flag => Problem.Of(flag.Name, $"is given beside {Beams.Name}", "one of the two, as a search draws nothing and ends at end tokens alone", "leave one out")));
        EarlyStopping? early = (parsed.GetValue(Early) ?? usual.EarlyStopping) switch
        {
            null or "false" => EarlyStopping.No,
            "true" => EarlyStopping.Yes,
            "never" => EarlyStopping.Never,
            _ => null,
        };
        if (early is null)
            problems.Add(Problem.Of(Early.Name, $"is {parsed.GetValue(Early)}", "one of false, true, never", "choose one, or leave it out"));
        var options = new BeamOptions { Beams = beams, LengthPenalty = parsed.GetValue(LengthPenalty) ?? usual.LengthPenalty ?? 1, EarlyStopping = early ?? EarlyStopping.No, Best = parsed.GetValue(Best) };
        problems.AddRange(options.Problems(key => key == "beams" && isAuthors ? $"{GenerationConfig.FileName} num_beams"
            : key == "lengthPenalty" && parsed.GetValue(LengthPenalty) is null ? $"{GenerationConfig.FileName} length_penalty" : Names[key]));
        return options;
    }

    /// <summary>The settings of a search: an author's settings for drawing do not count.</summary>
    public static SamplingOptions Settings(SamplingChoices choices, ModelDescription model, int promptTokens, List<Problem> problems)
    {
        var temperature = choices.Temperature ?? 1;
        problems.AddRange(new SamplingOptions { Temperature = temperature }.Problems(SamplingFlags.NameOf));
        // Other flags for drawing were refused as such.
        if (choices.StopStrings is null && model.Usual.StopStrings.Count > 0)
            problems.Add(Problem.Of($"{GenerationConfig.FileName} stop_strings", $"is \"{model.Usual.StopStrings[0]}\" beside {Beams.Name}", "one of the two, as a search ends at end tokens alone", "draw instead, or take the key out of the file"));
        return (choices with { IsGreedy = true, Temperature = null, TopNSigma = null, TopK = null, TopP = null, MinP = null, Typical = null, Epsilon = null, Eta = null, XtcProbability = null, XtcThreshold = null })
            .Over(model, promptTokens, problems, SamplingFlags.NameOf) with
        { IsGreedy = false, Temperature = temperature };
    }

    private static bool IsGiven(ParseResult parsed, Option flag) => parsed.GetResult(flag) is { Implicit: false };
}
