using Attune.Feedback;
using Attune.Models;
using Attune.Rewards;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Evaluation;

/// <summary>What one model is asked: how many answers to which prompts.</summary>
/// <param name="Name">The name of the answers: the model's, or "base, 3 examples".</param>
/// <param name="Who">The model.</param>
/// <param name="Counts">Answers to each prompt; 0 skips it.</param>
/// <param name="Shots">Examples put before each prompt.</param>
internal sealed record AnswerOrder(string Name, Contender Who, IReadOnlyList<int> Counts, FewShot? Shots = null)
{
    public int Total => Counts.Sum();
}

/// <summary>
/// Samples answers and measures each once: distance from the reference, probability under the base model, rewards. All later parts of the
/// evaluation read these measurements. Draws depend on (seed, name, prompt, sample) alone, so budgets move no answer.
/// </summary>
internal sealed class AnswerMaker : IDisposable
{
    /// <summary>Answers sampled and measured between two looks at the clock.</summary>
    private const int AtOnce = 512;

    /// <summary>More answers to one prompt than anyone draws.</summary>
    private const long SamplesPerPrompt = 1L << 20;

    private readonly EvaluationInput _input;
    private readonly IReadOnlyList<string> _prompts;
    private readonly int[][] _promptIds;
    private readonly Opened _reference;
    private readonly Opened? _base;

    public AnswerMaker(EvaluationInput input, IReadOnlyList<string> prompts)
    {
        (_input, _prompts) = (input, prompts);
        _promptIds = [.. prompts.Select(PpoPrompts.Encoder(input.Template, input.Tokenizer))];
        _base = input.Base is { } untrained ? Open(untrained) : null;
        _reference = Open(input.Models.Single(model => model.Name == input.Reference));
    }

    /// <summary>All answers of an order, those to one prompt together.</summary>
    public IReadOnlyList<AnswerRow> Make(AnswerOrder order, Action<int> finished, CancellationToken stop)
    {
        var isOwn = order.Who == _input.Base || order.Who.Name == _input.Reference;
        using var opened = isOwn ? null : Open(order.Who);
        var model = opened?.Model ?? (order.Who == _input.Base ? _base! : _reference).Model;
        var sampler = new Sampler(model, Options(order.Shots), id => _input.Tokenizer.BytesOf(id).ToArray());
        var asked = order.Counts.SelectMany((count, prompt) => Enumerable.Range(0, count).Select(sample => (Prompt: prompt, Sample: sample))).ToList();
        var seed = _input.Seed.For("answers").For(_input.Round).For(order.Name);
        var rows = new List<AnswerRow>(asked.Count);
        foreach (var chunk in asked.Chunk(AtOnce))
        {
            var requests = chunk.Select(a => new SampleRequest(PromptIds(a.Prompt, order.Shots), a.Prompt * SamplesPerPrompt + a.Sample)).ToArray();
            var sampled = Sampled(sampler, requests, seed, order, finished, stop);
            var read = sampled.Zip(chunk, (rollout, a) => Read(rollout, a.Prompt, order.Shots)).ToArray();
            var measured = Measure(order, chunk.Select(a => _prompts[a.Prompt]).ToArray(), sampled, read);
            rows.AddRange(chunk.Select((a, k) => measured[k] with
            {
                Id = $"{order.Name}/{a.Prompt + 1}/{a.Sample}",
                Model = order.Name,
                Prompt = _prompts[a.Prompt],
                Sample = a.Sample,
            }));
        }

        return rows;
    }

    private static Rollout[] Sampled(Sampler sampler, SampleRequest[] requests, Seed seed, AnswerOrder order, Action<int> finished, CancellationToken stop)
    {
        try
        {
            return sampler.Sample(requests, seed, finished, stop);
        }
        catch (RunFailedException e)
        {
            throw new RunFailedException($"{order.Who.Folder ?? order.Name} cannot be sampled from: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _reference.Dispose();
        _base?.Dispose();
    }

    private int[] PromptIds(int prompt, FewShot? shots) => shots is null ? _promptIds[prompt] : _input.Tokenizer.Opened(_input.Tokenizer.Encode(shots.PromptFor(_prompts[prompt])));

    private SamplingOptions Options(FewShot? shots) => _input.Sampling with
    {
        EndTokens = _input.Sampling.EndTokens.Count > 0 ? _input.Sampling.EndTokens : _input.EndIds,
        StopStrings = shots is { Stop.Length: > 0 } ? [.. _input.Sampling.StopStrings, shots.Stop] : _input.Sampling.StopStrings,
    };

    /// <summary>The text of an answer, and the answer as others read it: after the prompt without examples, without what stopped it.</summary>
    private (Rollout Answer, string Text) Read(Rollout sampled, int prompt, FewShot? shots)
    {
        var text = sampled.TextBy(_input.Tokenizer);
        if (shots is null && sampled.Finish != FinishReason.StopString)
            return (sampled, text);
        var stops = shots is null ? _input.Sampling.StopStrings : [.. _input.Sampling.StopStrings, shots.Stop];
        var cut = stops.Where(stop => stop.Length > 0).Select(stop => text.IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(text.Length).Min();
        text = text[..cut];
        var ends = sampled.Finish != FinishReason.Length && _input.EndIds.Count > 0;
        int[] ids = [.. _input.Tokenizer.Encode(text), .. ends ? _input.EndIds.Take(1) : []];
        var answer = sampled with { Prompt = _promptIds[prompt], Response = ids.Length > 0 ? ids : sampled.Response, Finish = ends ? FinishReason.EndToken : FinishReason.Length };
        return (answer, text);
    }

    private AnswerRow[] Measure(AnswerOrder order, string[] prompts, Rollout[] sampled, (Rollout Answer, string Text)[] read)
    {
        var answers = read.Select(r => r.Answer).ToArray();
        var words = _base is null ? null : AnswerLogProbs.Of(_base.Model, answers);
        var isReference = order.Who.Name == _input.Reference;
        // After other prompts than the reference's there is no ratio to take.
        var expected = isReference || order.Shots is not null ? null : AnswerLogProbs.Of(_reference.Model, sampled, _input.Sampling.LogProbTemperature);
        var rewards = new List<(string Name, double[] Scores)>();
        if (_input.Reward is { } trained)
            rewards.Add((AnswerRow.Reward, trained.Score(answers).CheckedFor(answers).Totals));
        foreach (var panel in _input.Judges.Where(p => p.Reward is not null))
            rewards.Add((panel.Name, panel.Reward!.Score(answers).CheckedFor(answers).Totals));

        return [.. read.Select((r, k) =>
        {
            var row = new AnswerRow
            {
                Id = "", Model = order.Name, Prompt = prompts[k], Text = r.Text, Tokens = answers[k].Response.Length,
                Ended = answers[k].Finish != FinishReason.Length,
                Kl = isReference ? 0 : expected is null ? null : LogProbTotal.Of(sampled[k].LogProbs).Sum - LogProbTotal.Of(expected[k]).Sum,
                Words = words is null ? null : AnswerLogProbs.OfWords(words[k], answers[k]),
                Scores = rewards.ToDictionary(reward => reward.Name, reward => reward.Scores[k]),
            };
            return row with { Scores = WithOpinions(row) };
        })];
    }

    /// <summary>The scores, and those of the judges that read text.</summary>
    private Dictionary<string, double> WithOpinions(AnswerRow row)
    {
        var scores = new Dictionary<string, double>(row.Scores);
        var answer = row.ForJudges(row.Model);
        foreach (var panel in _input.Judges.Where(p => p.Score is not null))
            scores[panel.Name] = panel.Score!(row.Prompt, answer);
        return scores;
    }

    private Opened Open(Contender contender) => contender.Model is { } model ? new(model, false) : new(CausalLm.Load(contender.Folder!, _input.Compute), true);

    /// <summary>A model in use; closed afterwards where it was opened for this.</summary>
    private sealed record Opened(CausalLm Model, bool IsOwn) : IDisposable
    {
        public void Dispose()
        {
            if (IsOwn)
                Model.Dispose();
        }
    }
}
