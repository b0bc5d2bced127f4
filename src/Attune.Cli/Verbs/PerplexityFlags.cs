using System.CommandLine;
using Attune.Cli.Output;
using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary><c>attune score --perplexity FILE</c>: how well a model foresees a long text and how fast it is, and with <c>--weights</c> what rounding changes of both.</summary>
internal static class PerplexityFlags
{
    private const int UsualWindow = 1024;

    public static Option<string?> File { get; } = new("--perplexity") { Description = "A text of any length: prints its perplexity and the model's speed; with --weights beside those of full weights", HelpName = "FILE" };

    private static readonly Option<int?> Window = new("--window") { Description = $"With --perplexity: tokens that the model reads at once; as many as it can without it, at most {UsualWindow}" };

    public static IReadOnlyList<Option> All { get; } = [File, Window];

    /// <summary>Adds what contradicts the absence of <c>--perplexity</c>.</summary>
    public static void RefuseAlone(ParseResult parsed, List<Problem> problems)
    {
        if (parsed.GetValue(Window) is { } window)
            problems.Add(Problem.Of(Window.Name, $"is {window} without {File.Name}", "both or neither", $"add {File.Name} FILE, or leave it out"));
    }

    public static void Run(string path, IEnumerable<Option> others, ParseResult parsed, ConsoleOutput output, CancellationToken stop)
    {
        var problems = new List<Problem>();
        var settings = ComputeOptions.Read(parsed, problems);
        var form = WeightOptions.Read(parsed, settings, problems);
        foreach (var other in others.Where(option => parsed.GetResult(option) is { Implicit: false }))
            problems.Add(Problem.Of(other.Name, $"is given beside {File.Name}", "one of the two", "leave one out"));
        var files = ModelDescription.Read(parsed.GetRequiredValue(GivenTokens.Model), TokenizerUse.Needed);
        var most = files.Config.MaximumPositions;
        var window = parsed.GetValue(Window) ?? Math.Min(most, UsualWindow);
        if (window < 2 || window > most)
            problems.Add(Problem.Of(Window.Name, $"is {window}", $"2 to {most}, the model's positions", "leave it out for as many as it reads"));
        if (problems.Count > 0)
            throw new InputException(ScoreVerb.Title, problems);
        int[] ids = files.Tokenizer!.Opened(files.Tokenizer.Encode(ReadText(path)));
        if (ids.Length < 2)
            throw InputException.One(path, $"has {ids.Length} tokens", "at least two, as the first has nothing before it", "give a longer text");
        var compute = settings.Open(ScoreVerb.Title, ComputeOptions.Device.Name);
        using var progress = output.Progress(TimeProvider.System);
        if (settings.Memory(progress).Check(files.Folder, TextPerplexity.MemoryFor(files.Config, ids.Length, window, compute.DType), $"lower {Window.Name}, or take a smaller model") is { } tooLarge)
            throw new InputException(ScoreVerb.Title, [tooLarge]);
        WeightForm[] forms = form == WeightForm.Full ? [form] : [WeightForm.Full, form];
        var meter = new ProgressMeter(progress, "score", (long)forms.Length * (ids.Length - 1), "tokens", TimeProvider.System);
        var done = 0L;
        meter.Advance(0);
        var trials = Array.ConvertAll(forms, f => WeightTrial.Of(files, compute, f, ids, window, n => meter.Advance(done += n), stop));
        progress.Dispose();
        Print(path, ids.Length - 1, window, settings.Precision, trials, parsed.GetValue(CommonOptions.Json), output);
    }

    private static string ReadText(string path)
    {
        try
        {
            return new System.Text.UTF8Encoding(false, throwOnInvalidBytes: true).GetString(System.IO.File.ReadAllBytes(path)).TrimStart('\uFEFF');
        }
        catch (System.Text.DecoderFallbackException e)
        {
            throw InputException.One(path, $"is no UTF-8 from byte {e.Index} on", "a text in UTF-8", "convert it");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw InputException.One(path, Directory.Exists(path) ? "is a folder" : System.IO.File.Exists(path) ? "cannot be read" : "does not exist", "a text file", "check the path");
        }
    }

    private static void Print(string path, int tokens, int window, Precision precision, WeightTrial[] trials, bool isJson, ConsoleOutput output)
    {
        var (full, last) = (trials[0], trials[^1]);
        if (isJson)
        {
            output.Json(new
            {
                text = path,
                tokens,
                window,
                weights = trials,
                change = trials.Length == 1 ? null : new
                {
                    perplexity = (last.Perplexity / full.Perplexity) - 1,
                    scoring = last.ScoredPerSecond / full.ScoredPerSecond,
                    decoding = last.DecodedPerSecond / full.DecodedPerSecond,
                },
            });
            return;
        }

        var table = new TextTable("", "weights", "perplexity", "change", "MB read a token", "tokens/s, scored", "change", "tokens/s, decoded", "change");
        foreach (var trial in trials)
        {
            // Rounded first, as a small fall would be -+0.00; and -0 is no fall.
            string Change(double? now, double? before) => ReferenceEquals(trial, full) || now is null || before is null ? "" : $"{Math.Round(100 * ((now.Value / before.Value) - 1), 2) + 0.0:+0.00;-0.00} %";
            table.Row(
                trial.Weights == WeightForm.Full ? precision.ToString().ToLowerInvariant() : WeightOptions.NameOf(trial.Weights), $"{trial.Perplexity:0.0000}", Change(trial.Perplexity, full.Perplexity),
                $"{trial.BytesPerToken / 1e6:0.0}", $"{trial.ScoredPerSecond:0}", Change(trial.ScoredPerSecond, full.ScoredPerSecond),
                trial.DecodedPerSecond is { } rate ? $"{rate:0}" : "", Change(trial.DecodedPerSecond, full.DecodedPerSecond));
        }

        output.Table(table);
        output.Line($"{tokens} tokens in windows of {window}; decoded is one response, a token at a time.");
    }
}
