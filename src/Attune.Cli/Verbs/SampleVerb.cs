using System.CommandLine;
using Attune.Cli.Output;
using Attune.Models;
using Attune.Rewards;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Cli.Verbs;

/// <summary><c>attune sample</c>: continuations of a prompt.</summary>
internal static class SampleVerb
{
    internal const string Title = "attune sample";

    private static readonly Option<int> Count = new("--n") { Description = "Samples of the prompt", DefaultValueFactory = _ => 1 };
    private static readonly Option<int> Batch = new("--batch") { Description = "Samples decoded together; changes no draw", DefaultValueFactory = _ => Sampler.UsualBatch };
    private static readonly Option<ulong> Seed = new("--seed") { Description = "All draws come from it", DefaultValueFactory = _ => 1 };

    private const int MostSamples = 1_000_000;

    /// <summary>Flags that a beam search has no use for.</summary>
    private static readonly IReadOnlyList<Option> OfDraws =
        [.. SamplingFlags.All.Where(flag => IsOfDraws(flag.Name)), Count, Batch, Seed, .. RewardFlags.All];

    /// <summary>What is to be done, checked: everything but the weights.</summary>
    private sealed record Job(ModelDescription Model, int[] Prompt, SamplingOptions Options, Compute Compute, int Samples, int Batch, ulong Seed)
    {
        public WeightForm Weights { get; init; }

        public BeamOptions? Beams { get; init; }

        public ContrastFlags? Contrast { get; init; }

        public RewardFlags? Reward { get; init; }
    }

    /// <summary>A sample, with its score where a beam search found it, and its reward where one was asked for.</summary>
    private sealed record Sample(Rollout Rollout, double? Score = null, double? Reward = null);

    public static Verb Create(ConsoleOutput output)
    {
        var verb = new Verb("sample", "Continue a prompt with tokens drawn from a model.", "attune sample models/base --text \"Once upon a time\" --max-new 40 --n 3 --temperature 0.8")
        {
            GivenTokens.Model, GivenTokens.Ids, GivenTokens.Text,
        };
        foreach (var option in (Option[])[.. SamplingFlags.All, Count, Batch, Seed, .. BeamFlags.All, .. ContrastFlags.All, .. RewardFlags.All, WeightOptions.Form, ComputeOptions.Device, ComputeOptions.Type, CommonOptions.Json])
            verb.Add(option);
        return verb.Does(output, (parsed, stop) =>
        {
            var job = Read(parsed, output);
            var samples = Run(job, output, stop);
            if (parsed.GetValue(CommonOptions.Json))
                output.Json(Document(job, samples));
            else
                Print(job, samples, output);
        });
    }

    private static Job Read(ParseResult parsed, ConsoleOutput output)
    {
        var problems = new List<Problem>();
        var model = Describe(parsed, output);
        var settings = ComputeOptions.Read(parsed, problems);
        var weights = WeightOptions.Read(parsed, settings, problems);
        var prompt = GivenTokens.Read(parsed, output, model, model.Config.MaximumPositions - 1, problems);
        var choices = SamplingFlags.Read(parsed, model, problems);
        var beams = BeamFlags.Read(parsed, model.Usual, OfDraws, problems);
        var options = beams is null ? choices.Over(model, prompt.Length, problems, SamplingFlags.NameOf) : BeamFlags.Settings(choices, model, prompt.Length, problems);
        var (samples, batch) = (parsed.GetValue(Count), parsed.GetValue(Batch));
        if (samples is < 1 or > MostSamples)
            problems.Add(Problem.Of(Count.Name, $"is {samples}", $"1 to {MostSamples}", "1 is usual"));
        if (batch < 1)
            problems.Add(Problem.Of(Batch.Name, $"is {batch}", "at least 1", $"{Sampler.UsualBatch} is usual"));
        var contrast = ContrastFlags.Read(parsed, model, problems);
        var reward = RewardFlags.Read(parsed, model, problems);
        problems.AddRange(contrast?.TooShort(prompt.Length + options.MaximumNewTokens) ?? []);
        var drawn = (long)samples * (reward?.Draws ?? 1);
        if (samples <= MostSamples && drawn > MostSamples)
            problems.Add(Problem.Of(Count.Name, $"is {samples} with {reward!.Draws} draws each", $"at most {MostSamples} draws", "ask for fewer"));
        if (problems.Count > 0)
            throw new InputException(Title, problems);
        var compute = settings.Open(Title, ComputeOptions.Device.Name);
        var rows = beams?.Beams ?? Math.Min(drawn, batch);
        var columns = Sampler.Columns(prompt.Length + options.MaximumNewTokens, beams is null ? drawn : 1, batch);
        var memory = MemoryEstimate.Sampling(model.Config, rows, prompt.Length, columns - prompt.Length, compute.DType, weights) + (contrast?.Memory(rows, columns, compute.DType) ?? 0);
        using var notes = output.Progress(TimeProvider.System);
        if (settings.Memory(notes).Check(model.Folder, memory, $"lower {Batch.Name} or {SamplingFlags.NameOf("maximumNewTokens")}, or take a smaller model") is { } tooLarge)
            throw new InputException(Title, [tooLarge]);
        return new(model, prompt, options, compute, samples, batch, parsed.GetValue(Seed)) { Weights = weights, Beams = beams, Contrast = contrast, Reward = reward };
    }

    private static bool IsOfDraws(string flag) =>
        flag == SamplingFlags.Greedy.Name || flag == SamplingFlags.Preset.Name || flag == SamplingFlags.Stop.Name ||
        (flag != SamplingFlags.Temperature.Name && new SamplingChoices().Drawing.Any(choice => SamplingFlags.NameOf(choice.Key) == flag));

    /// <summary>Ids need no tokenizer unless a text is to end a sample: one that cannot be used costs the text of the samples, no more.</summary>
    private static ModelDescription Describe(ParseResult parsed, ConsoleOutput output)
    {
        try
        {
            return GivenTokens.Describe(parsed, withIds: TokenizerUse.IfThere);
        }
        catch (InputException e) when (parsed.GetValue(GivenTokens.Ids) is not null && parsed.GetValue(SamplingFlags.Stop) is not { Length: > 0 })
        {
            var model = GivenTokens.Describe(parsed, withIds: TokenizerUse.Never); // refuses again what is wrong elsewhere
            output.Note($"{e.Message}\nSamples have no text, as the tokenizer cannot be used.");
            return model;
        }
    }

    private static IReadOnlyList<Sample> Run(Job job, ConsoleOutput output, CancellationToken stop)
    {
        using var model = job.Model.Load(job.Compute, weights: job.Weights);
        var contrast = job.Contrast?.Load(job.Compute);
        using var progress = output.Progress(TimeProvider.System);
        try
        {
            if (job.Beams is { } beams)
                return [.. new BeamSearch(model, beams, job.Options, contrast).Search(job.Prompt, stop).Select((found, rank) => Found(job, found, rank))];
            using var reward = job.Reward?.Open(model, job.Model, job.Prompt.Length + job.Options.MaximumNewTokens);
            var drawn = job.Samples * (job.Reward?.Draws ?? 1);
            var meter = new ProgressMeter(progress, "sample", drawn, "samples", TimeProvider.System);
            var sampler = new Sampler(model, job.Options, job.Model.Tokenizer is { } tokenizer ? id => tokenizer.BytesOf(id).ToArray() : null) { MaximumBatch = job.Batch, Contrast = contrast };
            var done = 0;
            meter.Advance(0);
            var requests = Enumerable.Range(0, job.Samples).Select(id => new SampleRequest(job.Prompt, id)).ToArray();
            void Finished(int count) => meter.Advance(done += count);
            if (reward is null)
                return [.. sampler.Sample(requests, new Seed(job.Seed), Finished, stop).Select(rollout => new Sample(rollout))];
            return [.. job.Reward!.Sample(sampler, reward, requests, new Seed(job.Seed), Finished, stop).Select(answer => new Sample(answer.Answer, Reward: answer.Reward))];
        }
        catch (RunFailedException e)
        {
            throw new RunFailedException($"{job.Model.Folder} cannot be sampled from: {e.Message}", e);
        }
        finally
        {
            contrast?.Expert?.Dispose();
            contrast?.AntiExpert?.Dispose();
        }
    }

    private static Sample Found(Job job, Hypothesis found, int rank) =>
        new(new Rollout { Id = rank, Prompt = job.Prompt, Response = found.Response, LogProbs = found.LogProbs, Finish = found.Finish }, found.Score);

    private static object Document(Job job, IReadOnlyList<Sample> samples) => new
    {
        prompt = new { ids = job.Prompt, text = job.Model.Tokenizer?.Decode(job.Prompt) },
        job.Options,
        job.Beams,
        contrast = job.Contrast is { } c ? new { expert = c.Expert?.Folder, antiExpert = c.AntiExpert?.Folder, c.Alpha } : null,
        selection = job.Reward is { } r ? new { reward = r.Path, r.BestOf, r.Rejection, drawn = job.Samples * r.Draws } : null,
        job.Seed,
        samples = samples.Select(s => new
        {
            ids = s.Rollout.Response,
            text = TextOf(job, s.Rollout),
            s.Rollout.LogProbs,
            s.Rollout.Finish,
            s.Score,
            s.Reward,
            repetition = RepetitionRate.UpTo4(s.Rollout.Response),
        }),
    };

    private static void Print(Job job, IReadOnlyList<Sample> samples, ConsoleOutput output)
    {
        for (var k = 0; k < samples.Count; k++)
        {
            var (rollout, score, reward) = samples[k];
            var finish = rollout.Finish switch { FinishReason.EndToken => "end token", FinishReason.StopString => "stop text", _ => "full length" };
            var total = rollout.LogProbs.Sum(p => (double)p);
            var judged = score is not null ? $", score {score:0.0000}" : reward is not null ? $", reward {reward:0.0000}" : "";
            output.Line($"{(k == 0 ? "" : "\n")}--- sample {k + 1} of {samples.Count}: {rollout.Response.Length} tokens, {finish}, log-prob {total:0.00}{judged} ---");
            output.Line(TextOf(job, rollout) is { } text ? Printable.Text(text) : string.Join(' ', rollout.Response));
        }

        if (job.Reward?.Rejection is not null)
            output.Line($"\n{samples.Count} of {job.Samples} were kept.");
        output.Line($"\nRepetition, the share of n-grams of tokens that stood before, mean over samples: {string.Join(", ", Enumerable.Range(1, RepetitionRate.Longest).Select(n => $"rep-{n} {MeanRate(samples, n)}"))}");
    }

    private static string MeanRate(IReadOnlyList<Sample> samples, int n)
    {
        var rates = samples.Select(s => RepetitionRate.Of(s.Rollout.Response, n)).Where(rate => !double.IsNaN(rate)).ToArray();
        return rates.Length == 0 ? "none, as they are too short" : $"{rates.Average():0.000}";
    }

    private static string? TextOf(Job job, Rollout rollout) => job.Model.Tokenizer is { } tokenizer ? rollout.TextBy(tokenizer) : null;
}
