using Attune.Models;
using Attune.Rollouts;
using Attune.Torch;
using Attune.Updates;

namespace Attune.Evaluation;

/// <summary>
/// How probable a model finds answers that it may not have written: the ground of perplexity, fluency and distance. Logits are made for the
/// answers' places alone, one micro-batch at a time.
/// </summary>
public static class AnswerLogProbs
{
    private const int MicroBatch = 32;

    /// <summary>The log-prob of each answer token given prompt and answer so far, in nats.</summary>
    /// <param name="model">The model that reads.</param>
    /// <param name="answers">Prompts and answers; both have at least one token.</param>
    /// <param name="temperature">What the logits are divided by; that of sampling where the result is set against the sampler's log-probs.</param>
    /// <returns>One array an answer, as long as it.</returns>
    public static float[][] Of(CausalLm model, IReadOnlyList<Rollout> answers, double temperature = 1)
    {
        using var frozen = Autograd.NoGrad();
        var results = new float[answers.Count][];
        var order = Enumerable.Range(0, answers.Count).OrderBy(k => answers[k].Prompt.Length + answers[k].Response.Length); // little padding, stable
        foreach (var chunk in order.Chunk(MicroBatch))
        {
            using var scope = TensorScope.Begin();
            var read = Read(model, [.. chunk.Select(k => answers[k])], temperature);
            var next = 0;
            foreach (var k in chunk)
            {
                results[k] = read.AsSpan(next, answers[k].Response.Length).ToArray();
                next += answers[k].Response.Length;
            }
        }

        return results;
    }

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

    private static float[] Read(CausalLm model, Rollout[] answers, double temperature)
    {
        var width = answers.Max(a => a.Prompt.Length + a.Response.Length);
        var ids = new int[answers.Length * width];
        var places = new List<long>(); // flat places whose next token is an answer's
        var tokens = new List<long>();
        for (var row = 0; row < answers.Length; row++)
        {
            var (prompt, response) = (answers[row].Prompt, answers[row].Response);
            prompt.CopyTo(ids, row * width);
            response.CopyTo(ids, row * width + prompt.Length);
            for (var k = 0; k < response.Length; k++)
            {
                places.Add((long)row * width + prompt.Length + k - 1);
                tokens.Add(response[k]);
            }
        }

        var device = model.Compute.Device;
        var read = model.HiddenAt(ModelInput.Causal(ids, answers.Length, model.Compute), Tensor.From(places.ToArray(), places.Count).To(device));
        var taken = Tensor.From(tokens.ToArray(), tokens.Count).To(device);
        return LogProbs.OfHidden(read, model.Logits, taken, temperature, rows: Math.Max(1, places.Count)).To(DType.Float32).ToArray<float>();
    }
}
