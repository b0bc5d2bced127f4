using System.CommandLine;
using Attune.Cli.Output;
using Attune.Models;
using Attune.Runs;
using Attune.Web.Serving;

namespace Attune.Cli.Verbs;

/// <summary><c>attune serve</c>: a model for programs that know OpenAI's API, with a page to talk with it.</summary>
internal static class ServeVerb
{
    private const string Title = "attune serve";

    private static readonly Argument<string> Model = new("model") { Description = "Model folder with its tokenizer" };

    private static readonly Option<string> Listen = new("--listen")
    {
        Description = "Address to listen on; one that other machines reach needs --keys",
        HelpName = "URL",
        DefaultValueFactory = _ => "http://127.0.0.1:8500",
    };

    private static readonly Option<string?> Name = new("--name") { Description = "What requests call the model; without it the folder's name", HelpName = "NAME" };
    private static readonly Option<string?> Keys = new("--keys") { Description = "File of keys, one a line; without it whoever reaches the server may ask", HelpName = "FILE" };
    private static readonly Option<int> Rows = new("--rows") { Description = "Answers decoded together", DefaultValueFactory = _ => 64 };
    private static readonly Option<int> Queue = new("--queue") { Description = "Answers that may wait; more are refused", DefaultValueFactory = _ => 256 };
    private static readonly Option<int?> MaxTokens = new("--max-tokens") { Description = "Most new tokens of an answer; without it as many as the model has room for" };
    private static readonly Option<int> MaxAnswers = new("--max-answers") { Description = "Most answers of one request", DefaultValueFactory = _ => 128 };
    private static readonly Option<double> Time = new("--time") { Description = "Seconds that a request may take, waiting included", HelpName = "SECONDS", DefaultValueFactory = _ => 600 };
    private static readonly Option<double> Drain = new("--drain") { Description = "Seconds that answers under way may still take after Ctrl-C", HelpName = "SECONDS", DefaultValueFactory = _ => 30 };

    public static Verb Create(ConsoleOutput output)
    {
        var verb = new Verb("serve", "Serve a model in the form of OpenAI's API, with a page to talk with it.", "attune serve models/base --listen http://127.0.0.1:8500")
        {
            Model, Listen, Name, Keys, Rows, Queue, MaxTokens, MaxAnswers, Time, Drain, ChatDate.Option, WeightOptions.Form, ComputeOptions.Device, ComputeOptions.Type, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, stop) => DbVerb.Run(async () =>
        {
            var folder = parsed.GetRequiredValue(Model);
            var problems = new List<Problem>();
            var settings = ComputeOptions.Read(parsed, problems);
            var weights = WeightOptions.Read(parsed, settings, problems);
            var now = ChatDate.Read(parsed, problems);
            TimeSpan Seconds(Option<double> option)
            {
                var value = parsed.GetValue(option);
                if (value >= 0 && value <= TimeSpan.FromDays(1).TotalSeconds)
                    return TimeSpan.FromSeconds(value);
                problems.Add(Problem.Of(option.Name, $"is {value}", "seconds, up to a day", "correct it"));
                return TimeSpan.FromSeconds(1);
            }

            var options = new ServeOptions
            {
                Listen = parsed.GetValue(Listen)!,
                ModelName = parsed.GetValue(Name) ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))),
                Keys = parsed.GetValue(Keys) is { } keys ? ServeOptions.ReadKeys(keys) : [],
                MaximumRows = parsed.GetValue(Rows),
                MaximumWaiting = parsed.GetValue(Queue),
                MaximumNewTokens = parsed.GetValue(MaxTokens),
                MaximumAnswers = parsed.GetValue(MaxAnswers),
                RequestTime = Seconds(Time),
                DrainTime = Seconds(Drain),
            };
            problems.AddRange(options.Problems());
            if (problems.Count > 0)
                throw new InputException(Title, problems);
            await ServeAsync(folder, settings, weights, options, now, parsed.GetValue(CommonOptions.Json), output, stop);
            return true;
        }));
    }

    private static async Task ServeAsync(string folder, ComputeSettings settings, WeightForm weights, ServeOptions options, DateTimeOffset? now, bool isJson, ConsoleOutput output, CancellationToken stop)
    {
        var files = ModelDescription.Read(folder, TokenizerUse.Needed);
        var compute = settings.Open(Title, ComputeOptions.Device.Name);
        var half = files.Config.MaximumPositions / 2; // prompts and answers that are all as long as the model reads are nobody's daily bread
        var memory = MemoryEstimate.Sampling(files.Config, options.MaximumRows, half, half, compute.DType, weights);
        using (var notes = output.Progress(TimeProvider.System))
        {
            if (settings.Memory(notes).Check(folder, memory, "lower --rows, or take a smaller model") is { } tooLarge)
                throw new InputException(Title, [tooLarge]);
        }

        using var model = new ServedModel(files, files.Load(compute, weights: weights), settings.Threads > 0 ? settings.Threads : Environment.ProcessorCount, options.MaximumRows, options.MaximumWaiting) { Now = now };
        await using var app = ModelServer.Build(model, options);
        try
        {
            await app.StartAsync(stop);
        }
        catch (IOException e)
        {
            throw InputException.One(options.Listen, $"cannot be listened on ({e.InnerException?.Message ?? e.Message})", "a free port of an address of this machine", "give another --listen");
        }

        var address = app.Urls.First().TrimEnd('/');
        if (isJson)
            output.Json(new { address, model = options.ModelName, positions = files.Config.MaximumPositions, needsKey = options.Keys.Count > 0 });
        else
            output.Line($"{options.ModelName} is at {address}/v1, a page to talk with it at {address}. Ctrl-C stops it once answers under way have ended.");
        output.Flush();
        await Task.Delay(Timeout.Infinite, stop).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await app.StopAsync(CancellationToken.None);
    }
}
