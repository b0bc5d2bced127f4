using System.CommandLine;
using Attune.Cli.Output;
using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Text;

namespace Attune.Cli.Verbs;

/// <summary><c>attune score</c>: the log-prob of each token of a text, the log-likelihood of each continuation of a file, or the perplexity of a long text.</summary>
internal static class ScoreVerb
{
    internal const string Title = "attune score";

    private static readonly Option<string?> File = new("--file") { Description = "JSON Lines, a context and a continuation each: prints how likely each continuation is", HelpName = "FILE" };
    private static readonly Option<int> Batch = new("--batch") { Description = "With --file: texts computed side by side; changes no result", DefaultValueFactory = _ => Environment.ProcessorCount };

    public static Verb Create(ConsoleOutput output)
    {
        var verb = new Verb("score", "Print each token's log-prob given those before it.", "attune score models/base --text \"Once upon a time\"")
        {
            GivenTokens.Model, GivenTokens.Ids, GivenTokens.Text, File, Batch,
        };
        foreach (var option in (Option[])[.. PerplexityFlags.All, WeightOptions.Form, ComputeOptions.Device, ComputeOptions.Type, CommonOptions.Json])
            verb.Add(option);
        return verb.Does(output, (parsed, stop) =>
        {
            if (parsed.GetValue(PerplexityFlags.File) is { } text)
            {
                PerplexityFlags.Run(text, [GivenTokens.Ids, GivenTokens.Text, File, Batch], parsed, output, stop);
                return;
            }

            var problems = new List<Problem>();
            PerplexityFlags.RefuseAlone(parsed, problems);
            if (parsed.GetValue(File) is { } file)
            {
                ScoreFile(file, parsed, output, problems, stop);
                return;
            }

            var description = GivenTokens.Describe(parsed, withIds: TokenizerUse.Never);
            var settings = ComputeOptions.Read(parsed, problems);
            var weights = WeightOptions.Read(parsed, settings, problems);
            var ids = GivenTokens.Read(parsed, output, description, description.Config.MaximumPositions, problems);
            if (problems.Count > 0)
                throw new InputException(Title, problems);
            var compute = settings.Open(Title, ComputeOptions.Device.Name);
            var memory = TokenScores.MemoryFor(description.Config, ids.Length, compute.DType, weights);
            using var notes = output.Progress(TimeProvider.System);
            if (settings.Memory(notes).Check(description.Folder, memory, "give fewer tokens, or take a smaller model") is { } tooLarge)
                throw new InputException(Title, [tooLarge]);
            using var model = description.Load(compute, weights: weights);
            stop.ThrowIfCancellationRequested();
            Print(output, TokenScores.Of(model, ids, description.Tokenizer), isJson: parsed.GetValue(CommonOptions.Json));
        });
    }

    private static void ScoreFile(string path, ParseResult parsed, ConsoleOutput output, List<Problem> problems, CancellationToken stop)
    {
        var settings = ComputeOptions.Read(parsed, problems);
        var weights = WeightOptions.Read(parsed, settings, problems);
        var batch = parsed.GetValue(Batch);
        if (batch < 1)
            problems.Add(Problem.Of(Batch.Name, $"is {batch}", "at least 1", "leave it out for one a core"));
        foreach (var other in new[] { GivenTokens.Ids, GivenTokens.Text })
        {
            if (parsed.GetValue(other) is not null)
                problems.Add(Problem.Of(other.Name, $"is given beside {File.Name}", "one of the two", "leave one out"));
        }

        if (problems.Count > 0)
            throw new InputException(Title, problems);
        var description = ModelDescription.Read(parsed.GetRequiredValue(GivenTokens.Model), TokenizerUse.Needed);
        var rows = Readers.Continuations(path);
        rows.Check().ThrowIfBad();
        Continuation[] requests = [.. rows];
        if (requests.Length == 0)
            throw InputException.One(path, "has no lines", "a context and a continuation a line", "give some");
        var encoded = requests.Select((request, k) => ContinuationScoring.Encode(request, description, $"{path} request {k + 1}")).ToArray();
        var compute = settings.Open(Title, ComputeOptions.Device.Name);
        using var progress = output.Progress(TimeProvider.System);
        var alone = MemoryEstimate.Process + MemoryEstimate.Weights(description.Config, compute.DType, weights);
        var memory = alone + (batch * (TokenScores.MemoryFor(description.Config, encoded.Max(e => e.Ids.Length), compute.DType, weights) - alone));
        if (settings.Memory(progress).Check(description.Folder, memory, $"lower {Batch.Name}, or take a smaller model") is { } tooLarge)
            throw new InputException(Title, [tooLarge]);
        using var model = description.Load(compute, weights: weights);
        var meter = new ProgressMeter(progress, "score", requests.Length, "texts", TimeProvider.System);
        var done = 0;
        meter.Advance(0);
        var scores = ContinuationScoring.Score(model, encoded, requests, batch, n => meter.Advance(done += n), stop);
        if (parsed.GetValue(CommonOptions.Json))
        {
            output.Json(scores);
            return;
        }

        var table = new TextTable("", "line", "log-likelihood", "tokens", "a character", "a byte", "greedy");
        for (var k = 0; k < scores.Length; k++)
            table.Row([$"{k + 1}", Number(scores[k].LogLikelihood), $"{scores[k].Tokens}", Number(scores[k].PerCharacter), Number(scores[k].PerByte), scores[k].IsGreedy ? "yes" : "no"]);
        output.Table(table);
    }

    private static void Print(ConsoleOutput output, TokenScores scores, bool isJson)
    {
        if (isJson)
        {
            output.Json(scores);
            return;
        }

        var table = scores.Tokens is null ? new TextTable("", "place", "id", "log-prob") : new TextTable("", "place", "id", "token", "log-prob");
        for (var k = 0; k < scores.Ids.Count; k++)
        {
            var logProb = scores.LogProbs[k] is { } p ? Number(p) : "";
            string[] cells = scores.Tokens is null ? [] : [Printable.Quoted(scores.Tokens[k])];
            table.Row([$"{k + 1}", $"{scores.Ids[k]}", .. cells, logProb]);
        }
        output.Table(table);
        output.Line(scores.Mean is null
            ? "One token alone has nothing before it and no log-prob."
            : $"total {Number(scores.Total)} nats over {scores.Ids.Count - 1} tokens, mean {Number(scores.Mean.Value)}, perplexity {scores.Perplexity:0.###}");
    }

    private static string Number(double nats) => nats.ToString("0.0000");
}
