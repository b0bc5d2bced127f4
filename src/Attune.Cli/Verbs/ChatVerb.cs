using System.CommandLine;
using Attune.Cli.Output;
using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Text;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Cli.Verbs;

/// <summary><c>attune chat</c>: a conversation in the terminal, a line a turn.</summary>
internal static class ChatVerb
{
    private const string Title = "attune chat", New = "/new", Commands = $"{New} begins another conversation; an empty line or Ctrl-D ends.";

    private static readonly Option<string?> System = new("--system") { Description = "Instructions that stand above the conversation", HelpName = "TEXT" };
    private static readonly Option<double> Temperature = new("--temperature") { Description = "Divides the logits: below 1 for likelier tokens; 0 for the likeliest", DefaultValueFactory = _ => 0.7 };
    private static readonly Option<double> TopP = new("--top-p") { Description = "Draw from the likeliest tokens up to this probability together; 1 for all", DefaultValueFactory = _ => 0.95 };
    private static readonly Option<int> MaxNew = new("--max-new") { Description = "Most tokens of an answer", DefaultValueFactory = _ => 256 };
    private static readonly Option<ulong> Seed = new("--seed") { Description = "All draws come from it", DefaultValueFactory = _ => 1 };

    public static Verb Create(ConsoleOutput output)
    {
        var verb = new Verb("chat", "Talk with a model: a line a turn, an empty one or Ctrl-D ends.", "attune chat models/base --temperature 0.8")
        {
            GivenTokens.Model, System, Temperature, TopP, MaxNew, Seed, ChatDate.Option, WeightOptions.Form, ComputeOptions.Device, ComputeOptions.Type, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, stop) =>
        {
            var problems = new List<Problem>();
            var settings = ComputeOptions.Read(parsed, problems);
            var weights = WeightOptions.Read(parsed, settings, problems);
            var now = ChatDate.Read(parsed, problems);
            var temperature = parsed.GetValue(Temperature);
            var options = new SamplingOptions { IsGreedy = temperature == 0, Temperature = temperature == 0 ? 1 : temperature, TopP = parsed.GetValue(TopP), MaximumNewTokens = parsed.GetValue(MaxNew) };
            problems.AddRange(options.Problems(key => key switch { "temperature" => Temperature.Name, "topP" => TopP.Name, "maximumNewTokens" => MaxNew.Name, _ => key }));
            if (problems.Count > 0)
                throw new InputException(Title, problems);
            var files = ModelDescription.Read(parsed.GetRequiredValue(GivenTokens.Model), TokenizerUse.Needed);
            var compute = settings.Open(Title, ComputeOptions.Device.Name);
            using var model = files.Load(compute, weights: weights);
            Talk(files, model, new(files.Tokenizer!, now), options, parsed.GetValue(System), new Seed(parsed.GetValue(Seed)), parsed.GetValue(CommonOptions.Json), output, stop);
        });
    }

    private static void Talk(ModelDescription files, CausalLm model, ChatPrompts chat, SamplingOptions options, string? system, Seed seed, bool isJson, ConsoleOutput output, CancellationToken stop)
    {
        options = options with { EndTokens = [.. files.EndIds.Union(chat.EndIds)] };
        List<Message> beginning = string.IsNullOrWhiteSpace(system) ? [] : [new(Role.System, system)];
        List<Message> messages = [.. beginning];
        using var engine = new DecodingEngine(model);
        if (output.CanAsk)
            output.Note($"{files.Folder} reads {files.Config.MaximumPositions} tokens. {Commands}");
        for (var turn = 0; ;)
        {
            output.Log.Write("you> ");
            var said = ReadLine(output, stop);
            if (said is null && output.CanAsk)
                output.Note(""); // Ctrl-D leaves the line open
            if (said is null or "")
                return;
            if (output.CanAsk && said[0] == '/')
            {
                if (said.Trim() == New)
                    messages = [.. beginning];
                output.Note(said.Trim() == New ? "A new conversation." : $"{said.Trim()} is no command. {Commands}");
                continue;
            }

            var prompt = chat.Of(new([.. messages, new(Role.User, said)]));
            var room = files.Config.MaximumPositions - prompt.Length;
            if (room < 1)
            {
                var tooLong = $"The conversation has {prompt.Length} tokens, expected less than the model's {files.Config.MaximumPositions} positions; ";
                if (!output.CanAsk)
                    throw new RunFailedException(tooLong + "begin a new one");
                output.Note(tooLong + $"begin a new one with {New}, or say less");
                continue;
            }

            messages.Add(new(Role.User, said));
            output.Log.Write("model> ");
            var answer = Answer(engine, prompt, options with { MaximumNewTokens = Math.Min(options.MaximumNewTokens, room) }, chat.Stops, files.Tokenizer!, seed.For("chat"), turn++, piece => Show(piece, isJson, output), stop);
            if (isJson)
                output.Json(new { turn, user = said, assistant = answer });
            else
                output.Line("");
            output.Flush();
            messages.Add(new(Role.Assistant, answer));
        }
    }

    /// <summary>A line of the person's; a wait that Ctrl-C ends, as reading itself cannot be broken off.</summary>
    private static string? ReadLine(ConsoleOutput output, CancellationToken stop) => Task.Run(output.Input.ReadLine, CancellationToken.None).WaitAsync(stop).GetAwaiter().GetResult();

    private static string Answer(
        DecodingEngine engine, int[] prompt, SamplingOptions options, IReadOnlyList<string> stops, Tokenizer tokenizer, Seed seed, int turn, Action<string> show, CancellationToken stop)
    {
        var (text, whole) = (new AnswerText(tokenizer, stops), "");
        Decoding? decoding = null;
        decoding = new(new(prompt, turn), seed, options)
        {
            Drawn = drawn =>
            {
                var piece = drawn.Finish == FinishReason.EndToken ? "" : text.Add(drawn.Token);
                if (drawn.Finish is not null)
                    piece += text.Finish();
                if (whole.Length == 0)
                    piece = piece.TrimStart(); // many models begin with a blank or a line break
                whole += piece;
                show(piece);
                if (text.HasStopped)
                    decoding!.Cancel();
            },
        };
        engine.Submit(decoding);
        while (engine.Step(stop))
        {
            // a token
        }

        return whole.Trim();
    }

    /// <summary>A part of an answer as it comes; with --json whole turns are printed instead.</summary>
    private static void Show(string piece, bool isJson, ConsoleOutput output)
    {
        if (isJson)
            return;
        output.Result.Write(Printable.Text(piece));
        output.Flush();
    }
}
