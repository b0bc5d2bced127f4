using Attune.Cli.Output;
using Attune.Models;
using Attune.Runs;

namespace Attune.Cli.Verbs;

/// <summary><c>attune score</c>: the log-prob of each token of a text.</summary>
internal static class ScoreVerb
{
    private const string Title = "attune score";

    public static Verb Create(ConsoleOutput output)
    {
        var verb = new Verb("score", "Print each token's log-prob given those before it.", "attune score models/base --text \"Once upon a time\"")
        {
            GivenTokens.Model, GivenTokens.Ids, GivenTokens.Text, ComputeOptions.Device, ComputeOptions.Type, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, stop) =>
        {
            var problems = new List<Problem>();
            var description = GivenTokens.Describe(parsed, withIds: TokenizerUse.Never);
            var settings = ComputeOptions.Read(parsed, problems);
            var ids = GivenTokens.Read(parsed, output, description, description.Config.MaximumPositions, problems);
            if (problems.Count > 0)
                throw new InputException(Title, problems);
            var compute = settings.Open(Title, ComputeOptions.Device.Name);
            var memory = TokenScores.MemoryFor(description.Config, ids.Length, compute.DType);
            using var notes = output.Progress(TimeProvider.System);
            if (settings.Memory(notes).Check(description.Folder, memory, "give fewer tokens, or take a smaller model") is { } tooLarge)
                throw new InputException(Title, [tooLarge]);
            using var model = description.Load(compute);
            stop.ThrowIfCancellationRequested();
            Print(output, TokenScores.Of(model, ids, description.Tokenizer), isJson: parsed.GetValue(CommonOptions.Json));
        });
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
