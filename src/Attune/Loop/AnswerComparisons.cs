using Attune.Evaluation;
using Attune.Feedback;
using Attune.Models;
using Attune.Rollouts;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Loop;

/// <summary>What to sample for a round of comparisons.</summary>
/// <param name="Prompts">The prompts.</param>
/// <param name="AnswersPerPrompt">Answers to each.</param>
/// <param name="AnswersPerRanking">How many of them are put beside each other.</param>
/// <param name="AnswerTokens">Most tokens of an answer.</param>
/// <param name="Temperature">Of sampling.</param>
/// <param name="Round">Which round, from 1.</param>
/// <param name="Source">What the answers' source is called.</param>
/// <param name="Seed">Decides answers and sides.</param>
public sealed record ComparisonOrder(IReadOnlyList<string> Prompts, int AnswersPerPrompt, int AnswersPerRanking, int AnswerTokens, double Temperature, int Round, string Source, Seed Seed);

/// <summary>
/// Samples answers of a policy and puts some to the same prompt beside each other. Every answer carries its fluency under the base model, which
/// simulated annotators read. Of equal texts only the first is shown: nobody can prefer one.
/// </summary>
public static class AnswerComparisons
{
    private const int AtOnce = 256;

    /// <summary>The comparisons, prompt by prompt.</summary>
    /// <param name="policy">Writes the answers.</param>
    /// <param name="baseModel">Says how fluent they are; reads the same tokens.</param>
    /// <param name="order">What to sample.</param>
    /// <param name="progress">Where to tell how far it is.</param>
    /// <param name="stop">Checked between batches.</param>
    public static IReadOnlyList<Comparison> Sample(TextModel policy, CausalLm baseModel, ComparisonOrder order, IProgressSink progress, CancellationToken stop)
    {
        var sampler = new Sampler(policy.Model, new() { Temperature = order.Temperature, MaximumNewTokens = order.AnswerTokens, EndTokens = policy.EndIds });
        var ids = order.Prompts.Select(policy.Tokenizer.Encode).ToArray();
        var requests = ids.SelectMany((prompt, p) => Enumerable.Range(0, order.AnswersPerPrompt).Select(k => new SampleRequest(prompt, ((long)p * order.AnswersPerPrompt) + k))).ToArray();
        var meter = new ProgressMeter(progress, "sampling", requests.Length, "answers", TimeProvider.System);
        var answers = new List<Answer>(requests.Length);
        foreach (var chunk in requests.Chunk(AtOnce))
        {
            stop.ThrowIfCancellationRequested();
            var rollouts = sampler.Sample(chunk, order.Seed.For("answers").For(order.Round), finished: null, stop);
            var fluency = AnswerLogProbs.Fluency(baseModel, rollouts);
            answers.AddRange(rollouts.Select((rollout, k) => new Answer
            {
                Source = order.Source,
                Text = rollout.TextBy(policy.Tokenizer),
                Features = new Dictionary<string, double> { [Answer.Fluency] = fluency[k] },
            }));
            meter.Advance(answers.Count);
        }

        return [.. Drafts(answers, order).Where(draft => draft.Answers.Count > 1)
            .Select((draft, number) => Comparison.From(draft, order.Seed.For("comparisons"), number))];
    }

    private static IEnumerable<ComparisonDraft> Drafts(List<Answer> answers, ComparisonOrder order) =>
        from prompt in answers.Chunk(order.AnswersPerPrompt).Select((own, p) => (Own: own, Text: order.Prompts[p]))
        from shown in prompt.Own.Chunk(order.AnswersPerRanking)
        select new ComparisonDraft(prompt.Text, [.. shown.DistinctBy(answer => answer.Text)], PromptSplit.Training, order.Round);
}
