using Attune.Models;
using Attune.Rollouts;
using Attune.Updates;

namespace Attune.Evaluation;

/// <summary>
/// How probable a model finds answers that it may not have written: the ground of perplexity, fluency and distance. Logits are made for the
/// answers' places alone, see <see cref="TokenScoring"/>.
/// </summary>
public static class AnswerLogProbs
{
    private const int MicroBatch = 32;

    /// <summary>The log-prob of each answer token given prompt and answer so far, in nats.</summary>
    /// <param name="model">The model that reads.</param>
    /// <param name="answers">Prompts and answers; both have at least one token.</param>
    /// <param name="temperature">What the logits are divided by; that of sampling where the result is set against the sampler's log-probs.</param>
    /// <returns>One array an answer, as long as it.</returns>
    public static float[][] Of(CausalLm model, IReadOnlyList<Rollout> answers, double temperature = 1) =>
        TokenScoring.LogProbs(model, [.. answers.Select(answer => (int[])[.. answer.Prompt, .. answer.Response])], [.. answers.Select(answer => answer.Prompt.Length)], temperature, MicroBatch);

    /// <summary>
    /// The answer's words under a model: its tokens without the end token, whose place says nothing about the writing. An answer that is nothing
    /// but an end token counts that one.
    /// </summary>
    /// <param name="logProbs">Log-probs of all tokens of the answer.</param>
    /// <param name="answer">The answer.</param>
    public static LogProbTotal OfWords(ReadOnlySpan<float> logProbs, Rollout answer)
    {
        var ended = answer.Finish == FinishReason.EndToken && logProbs.Length > 1;
        return LogProbTotal.Of(ended ? logProbs[..^1] : logProbs);
    }

    /// <summary>Mean log-prob per token of each answer's words under the base model: what annotators call fluent, see <see cref="Feedback.Answer.Fluency"/>.</summary>
    public static double[] Fluency(CausalLm baseModel, IReadOnlyList<Rollout> answers) =>
        [.. Of(baseModel, answers).Zip(answers, (logProbs, answer) => OfWords(logProbs, answer)).Select(total => total.Sum / total.Tokens)];
}
