using System.CommandLine;
using Attune.Cli.Output;
using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Tokens;
using Attune.Torch;

namespace Attune.Cli.Verbs;

/// <summary><c>attune sample</c>: continuations of a prompt.</summary>
internal static class SampleVerb
{
    private const string Title = "attune sample";

    private static readonly Option<bool> Greedy = new("--greedy") { Description = "Take the likeliest token instead of drawing one" };
    private static readonly Option<double?> Temperature = new("--temperature") { Description = "Divides the logits: below 1 for likelier tokens" };
    private static readonly Option<int?> TopK = new("--top-k") { Description = "Draw from the k likeliest tokens; 0 for all" };
    private static readonly Option<double?> TopP = new("--top-p") { Description = "Draw from the likeliest tokens up to this probability together; 1 for all" };
    private static readonly Option<double?> MinP = new("--min-p") { Description = "Draw from tokens at least so likely, relative to the likeliest; 0 for all" };
    private static readonly Option<double?> Penalty = new("--repetition-penalty") { Description = "Makes tokens that have occurred less likely; 1 for nothing" };
    private static readonly Option<int?> MaxNew = new("--max-new") { Description = "Most new tokens; without it the model's usual number, or 64" };
    private static readonly Option<int?> MinNew = new("--min-new") { Description = "No end token before so many new tokens" };
    private static readonly Option<string> End = new("--end") { Description = "Ids that end a sample, \"\" for none; without it the model's", HelpName = "IDS" };
    private static readonly Option<string[]> Stop = new("--stop") { Description = "A text that ends a sample; may be given several times", HelpName = "TEXT" };
    private static readonly Option<int> Count = new("--n") { Description = "Samples of the prompt", DefaultValueFactory = _ => 1 };
    private static readonly Option<int> Batch = new("--batch") { Description = "Samples decoded together; changes no draw", DefaultValueFactory = _ => Sampler.UsualBatch };
    private static readonly Option<ulong> Seed = new("--seed") { Description = "All draws come from it", DefaultValueFactory = _ => 1 };

    private const int MostSamples = 1_000_000;

    private static readonly Dictionary<string, string> Flags = new()
    {
        ["isGreedy"] = Greedy.Name,
        ["temperature"] = Temperature.Name,
        ["topK"] = TopK.Name,
        ["topP"] = TopP.Name,
        ["minP"] = MinP.Name,
        ["repetitionPenalty"] = Penalty.Name,
        ["maximumNewTokens"] = MaxNew.Name,
        ["minimumNewTokens"] = MinNew.Name,
        ["endTokens"] = End.Name,
        ["stopStrings"] = Stop.Name,
    };

    /// <summary>What is to be done, checked: everything but the weights.</summary>
    private sealed record Job(ModelDescription Model, int[] Prompt, SamplingOptions Options, Compute Compute, int Samples, int Batch, ulong Seed);

    public static Verb Create(ConsoleOutput output)
    {
        var verb = new Verb("sample", "Continue a prompt with tokens drawn from a model.", "attune sample models/base --text \"Once upon a time\" --max-new 40 --n 3 --temperature 0.8")
        {
            GivenTokens.Model, GivenTokens.Ids, GivenTokens.Text, Greedy, Temperature, TopK, TopP, MinP, Penalty, MaxNew, MinNew, End, Stop,
            Count, Batch, Seed, ComputeOptions.Device, ComputeOptions.Type, CommonOptions.Json,
        };
        return verb.Does(output, (parsed, stop) =>
        {
            var job = Read(parsed, output);
            var rollouts = Run(job, output, stop);
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(Document(job, rollouts));
            else
                Print(job, rollouts, output);
        });
    }

    private static Job Read(ParseResult parsed, ConsoleOutput output)
    {
        var problems = new List<Problem>();
        var model = Describe(parsed, output);
        var settings = ComputeOptions.Read(parsed, problems);
        var prompt = GivenTokens.Read(parsed, output, model, model.Config.MaximumPositions - 1, problems);
        var options = Choices(parsed, model, problems).Over(model, prompt.Length, problems, key => Flags[key]);
        var (samples, batch) = (parsed.GetValue(Count), parsed.GetValue(Batch));
        if (samples is < 1 or > MostSamples)
            problems.Add(Problem.Of(Count.Name, $"is {samples}", $"1 to {MostSamples}", "1 is usual"));
        if (batch < 1)
            problems.Add(Problem.Of(Batch.Name, $"is {batch}", "at least 1", $"{Sampler.UsualBatch} is usual"));
        if (problems.Count > 0)
            throw new InputException(Title, problems);
        var compute = settings.Open(Title, ComputeOptions.Device.Name);
        var memory = MemoryEstimate.Sampling(model.Config, Math.Min(samples, batch), prompt.Length, options.MaximumNewTokens, compute.DType);
        using var notes = output.Progress(TimeProvider.System);
        if (settings.Memory(notes).Check(model.Folder, memory, $"lower {Batch.Name} or {MaxNew.Name}, or take a smaller model") is { } tooLarge)
            throw new InputException(Title, [tooLarge]);
        return new(model, prompt, options, compute, samples, batch, parsed.GetValue(Seed));
    }

    /// <summary>Ids need no tokenizer unless a text is to end a sample: one that cannot be used costs the text of the samples, no more.</summary>
    private static ModelDescription Describe(ParseResult parsed, ConsoleOutput output)
    {
        try
        {
            return GivenTokens.Describe(parsed, withIds: TokenizerUse.IfThere);
        }
        catch (InputException e) when (parsed.GetValue(GivenTokens.Ids) is not null && parsed.GetValue(Stop) is not { Length: > 0 })
        {
            var model = GivenTokens.Describe(parsed, withIds: TokenizerUse.Never); // refuses again what is wrong elsewhere
            output.Note($"{e.Message}\nSamples have no text, as the tokenizer cannot be used.");
            return model;
        }
    }

    private static SamplingChoices Choices(ParseResult parsed, ModelDescription model, List<Problem> problems) => new()
    {
        IsGreedy = parsed.GetValue(Greedy),
        Temperature = parsed.GetValue(Temperature),
        TopK = parsed.GetValue(TopK),
        TopP = parsed.GetValue(TopP),
        MinP = parsed.GetValue(MinP),
        RepetitionPenalty = parsed.GetValue(Penalty),
        MaximumNewTokens = parsed.GetValue(MaxNew),
        MinimumNewTokens = parsed.GetValue(MinNew),
        EndTokens = parsed.GetValue(End) is { } ids ? Ids.Read(ids, End.Name, model.Config.VocabularySize, problems) : null,
        StopStrings = parsed.GetValue(Stop) ?? [],
    };

    private static Rollout[] Run(Job job, ConsoleOutput output, CancellationToken stop)
    {
        using var model = job.Model.Load(job.Compute);
        using var progress = output.Progress(TimeProvider.System);
        var meter = new ProgressMeter(progress, "sample", job.Samples, "samples", TimeProvider.System);
        var sampler = new Sampler(model, job.Options, job.Model.Tokenizer is { } tokenizer ? id => tokenizer.BytesOf(id).ToArray() : null) { MaximumBatch = job.Batch };
        var done = 0;
        meter.Advance(0);
        try
        {
            return sampler.Sample([.. Enumerable.Range(0, job.Samples).Select(id => new SampleRequest(job.Prompt, id))], new Seed(job.Seed), n => meter.Advance(done += n), stop);
        }
        catch (RunFailedException e)
        {
            throw new RunFailedException($"{job.Model.Folder} cannot be sampled from: {e.Message}", e);
        }
    }

    private static object Document(Job job, Rollout[] rollouts) => new
    {
        prompt = new { ids = job.Prompt, text = job.Model.Tokenizer?.Decode(job.Prompt) },
        job.Options,
        job.Seed,
        samples = rollouts.Select(r => new { ids = r.Response, text = TextOf(job, r), r.LogProbs, r.Finish }),
    };

    private static void Print(Job job, Rollout[] rollouts, ConsoleOutput output)
    {
        foreach (var rollout in rollouts)
        {
            var finish = rollout.Finish switch { FinishReason.EndToken => "end token", FinishReason.StopString => "stop text", _ => "full length" };
            var total = rollout.LogProbs.Sum(p => (double)p);
            output.Line($"{(rollout.Id == 0 ? "" : "\n")}--- sample {rollout.Id + 1} of {rollouts.Length}: {rollout.Response.Length} tokens, {finish}, log-prob {total:0.00} ---");
            output.Line(TextOf(job, rollout) is { } text ? Printable.Text(text) : string.Join(' ', rollout.Response));
        }
    }

    private static string? TextOf(Job job, Rollout rollout) => job.Model.Tokenizer is { } tokenizer ? rollout.TextBy(tokenizer) : null;
}
