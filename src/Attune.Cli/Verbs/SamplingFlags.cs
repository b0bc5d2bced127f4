using System.CommandLine;
using System.Globalization;
using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary>The flags of the sampling chain, and what ends a response.</summary>
internal static class SamplingFlags
{
    public static Option<bool> Greedy { get; } = new("--greedy") { Description = "Take the likeliest token instead of drawing one" };
    public static Option<string> Preset { get; } = new("--preset") { Description = "Order of the steps and usual values of a program; flags win", HelpName = "transformers|llama.cpp" };
    public static Option<double?> Temperature { get; } = new("--temperature") { Description = "Divides the logits: below 1 for likelier tokens" };
    public static Option<string[]> Stop { get; } = new("--stop") { Description = "A text that ends a sample; may be given several times", HelpName = "TEXT" };

    private static readonly Option<double?> TopNSigma = new("--top-n-sigma") { Description = "Draw from logits at most so many standard deviations below the largest; 0 for all" };
    private static readonly Option<int?> TopK = new("--top-k") { Description = "Draw from the k likeliest tokens; 0 for all" };
    private static readonly Option<double?> TopP = new("--top-p") { Description = "Draw from the likeliest tokens up to this probability together; 1 for all" };
    private static readonly Option<double?> MinP = new("--min-p") { Description = "Draw from tokens at least so likely, relative to the likeliest; 0 for all" };
    private static readonly Option<double?> Typical = new("--typical") { Description = "Draw from the tokens of the most usual surprise up to this probability; 1 for all" };
    private static readonly Option<double?> Epsilon = new("--epsilon") { Description = "Draw from tokens at least so likely; 0 for all" };
    private static readonly Option<double?> Eta = new("--eta") { Description = "The same with less where the distribution is flat; 0 for all" };
    private static readonly Option<double?> XtcProbability = new("--xtc-probability") { Description = "How often the top choices but the last are left out; 0 for never" };
    private static readonly Option<double?> XtcThreshold = new("--xtc-threshold") { Description = "From which probability on a token is a top choice; 0.1 without it" };
    private static readonly Option<double?> Repetition = new("--repetition-penalty") { Description = "Makes tokens that have occurred less likely; 1 for nothing" };
    private static readonly Option<double> Frequency = new("--frequency-penalty") { Description = "Taken off a logit for each time the token occurred" };
    private static readonly Option<double> Presence = new("--presence-penalty") { Description = "Taken off the logit of a token that occurred" };
    private static readonly Option<int?> Window = new("--penalty-window") { Description = "How many of the last tokens these penalties look at; 0 for all" };
    private static readonly Option<double> Dry = new("--dry-multiplier") { Description = "Penalty of tokens that go on with a repetition; 0 for none" };
    private static readonly Option<double> DryBase = new("--dry-base") { Description = "How fast it grows with the repetition's length", DefaultValueFactory = _ => new SamplingOptions().DryBase };
    private static readonly Option<int> DryAllowed = new("--dry-allowed-length") { Description = "The shortest repetition that counts", DefaultValueFactory = _ => new SamplingOptions().DryAllowedLength };
    private static readonly Option<string> DryBreakers = new("--dry-breakers") { Description = "Ids that no repetition reaches across", HelpName = "IDS" };
    private static readonly Option<int?> Ngram = new("--no-repeat-ngram") { Description = "No n-gram of this length twice; 0 for off" };
    private static readonly Option<string[]> BadWords = new("--bad-words") { Description = "Ids that are never drawn one after the other; may be given several times", HelpName = "IDS" };
    private static readonly Option<string[]> Bias = new("--bias") { Description = "Added to the logit of an id, or of the last of several where the others stand before it; may be given several times", HelpName = "IDS=NUMBER" };
    private static readonly Option<bool> RemoveInvalid = new("--remove-invalid") { Description = "Make numbers of logits that are none instead of stopping" };
    private static readonly Option<int?> MaxNew = new("--max-new") { Description = "Most new tokens; without it the model's usual number, or 64" };
    private static readonly Option<int?> MinNew = new("--min-new") { Description = "No end token before so many new tokens" };
    private static readonly Option<string> End = new("--end") { Description = "Ids that end a sample, \"\" for none; without it the model's", HelpName = "IDS" };

    private static readonly Dictionary<string, string> Names = new()
    {
        ["isGreedy"] = Greedy.Name,
        ["preset"] = Preset.Name,
        ["temperature"] = Temperature.Name,
        ["topNSigma"] = TopNSigma.Name,
        ["topK"] = TopK.Name,
        ["topP"] = TopP.Name,
        ["minP"] = MinP.Name,
        ["typical"] = Typical.Name,
        ["epsilon"] = Epsilon.Name,
        ["eta"] = Eta.Name,
        ["xtcProbability"] = XtcProbability.Name,
        ["xtcThreshold"] = XtcThreshold.Name,
        ["repetitionPenalty"] = Repetition.Name,
        ["frequencyPenalty"] = Frequency.Name,
        ["presencePenalty"] = Presence.Name,
        ["penaltyWindow"] = Window.Name,
        ["dryMultiplier"] = Dry.Name,
        ["dryBase"] = DryBase.Name,
        ["dryAllowedLength"] = DryAllowed.Name,
        ["dryBreakers"] = DryBreakers.Name,
        ["noRepeatNgram"] = Ngram.Name,
        ["badWords"] = BadWords.Name,
        ["biases"] = Bias.Name,
        ["maximumNewTokens"] = MaxNew.Name,
        ["minimumNewTokens"] = MinNew.Name,
        ["endTokens"] = End.Name,
        ["stopStrings"] = Stop.Name,
    };

    /// <summary>All of them, in the order of <c>--help</c>.</summary>
    public static IReadOnlyList<Option> All { get; } =
    [
        Greedy, Preset, Temperature, TopK, TopP, MinP, Typical, Epsilon, Eta, TopNSigma, XtcProbability, XtcThreshold, Repetition, Frequency, Presence, Window,
        Dry, DryBase, DryAllowed, DryBreakers, Ngram, BadWords, Bias, RemoveInvalid, MaxNew, MinNew, End, Stop,
    ];

    /// <summary>The flag of a setting, by its key in camel case.</summary>
    public static string NameOf(string key) => Names[key];

    /// <summary>What was chosen.</summary>
    public static SamplingChoices Read(ParseResult parsed, ModelDescription model, List<Problem> problems)
    {
        int[] Tokens(string text, string flag) => Ids.Read(text, flag, model.Config.VocabularySize, problems);

        // Of ids that were refused one by one nothing more is said.
        int[]? Sequence(string text, string flag)
        {
            var before = problems.Count;
            var tokens = Tokens(text, flag);
            return problems.Count == before ? tokens : null;
        }

        return new()
        {
            IsGreedy = parsed.GetValue(Greedy),
            Preset = parsed.GetValue(Preset),
            Temperature = parsed.GetValue(Temperature),
            TopNSigma = parsed.GetValue(TopNSigma),
            TopK = parsed.GetValue(TopK),
            TopP = parsed.GetValue(TopP),
            MinP = parsed.GetValue(MinP),
            Typical = parsed.GetValue(Typical),
            Epsilon = parsed.GetValue(Epsilon),
            Eta = parsed.GetValue(Eta),
            XtcProbability = parsed.GetValue(XtcProbability),
            XtcThreshold = parsed.GetValue(XtcThreshold),
            RepetitionPenalty = parsed.GetValue(Repetition),
            PenaltyWindow = parsed.GetValue(Window),
            MaximumNewTokens = parsed.GetValue(MaxNew),
            MinimumNewTokens = parsed.GetValue(MinNew),
            EndTokens = parsed.GetValue(End) is { } ids ? Tokens(ids, End.Name) : null,
            StopStrings = parsed.GetValue(Stop) is { Length: > 0 } stops ? stops : null,
            NoRepeatNgram = parsed.GetValue(Ngram),
            BadWords = parsed.GetValue(BadWords) is { Length: > 0 } words ? [.. words.Select(word => Sequence(word, BadWords.Name)).OfType<int[]>()] : null,
            Biases = parsed.GetValue(Bias) is { Length: > 0 } biases ? [.. biases.Select(text => BiasOf(text, Sequence, problems)).OfType<TokenBias>()] : null,
            Further = new()
            {
                FrequencyPenalty = parsed.GetValue(Frequency),
                PresencePenalty = parsed.GetValue(Presence),
                DryMultiplier = parsed.GetValue(Dry),
                DryBase = parsed.GetValue(DryBase),
                DryAllowedLength = parsed.GetValue(DryAllowed),
                DryBreakers = parsed.GetValue(DryBreakers) is { } breakers ? Tokens(breakers, DryBreakers.Name) : [],
                RemoveInvalid = parsed.GetValue(RemoveInvalid),
            },
        };
    }

    private static TokenBias? BiasOf(string text, Func<string, string, int[]?> tokens, List<Problem> problems)
    {
        if (text.Split('=') is [var ids, var number] && double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var bias))
            return tokens(ids, Bias.Name) is { } sequence ? new() { Tokens = sequence, Bias = bias } : null;
        problems.Add(Problem.Of(Bias.Name, $"is \"{text}\"", "ids, = and a number", "write it like \"5=2.5\" or \"5 17=-100\""));
        return null;
    }
}
