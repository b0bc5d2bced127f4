using Attune.Models;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Rollouts;

/// <summary>What a form of a model's weights costs and gains.</summary>
/// <param name="Weights">The form.</param>
/// <param name="Perplexity">Of the text, see <see cref="TextPerplexity"/>.</param>
/// <param name="BytesPerToken">Bytes of weights that decoding one token reads.</param>
/// <param name="ScoredPerSecond">Tokens of the text that were scored a second.</param>
/// <param name="DecodedPerSecond">Tokens a second of one response; null where the model has no room for one.</param>
public sealed record WeightTrial(WeightForm Weights, double Perplexity, long BytesPerToken, double ScoredPerSecond, double? DecodedPerSecond)
{
    private const int Prompt = 16, Steps = 48, Room = 3; // room: tokens that are drawn before the clock starts, and one behind
    private const double SecondsOfDecoding = 1;

    /// <summary>Reads a model with weights of a form, lets it score a text and go on with it, and forgets it again.</summary>
    /// <param name="files">The model.</param>
    /// <param name="compute">Where.</param>
    /// <param name="weights">The form.</param>
    /// <param name="ids">The text, at least two tokens.</param>
    /// <param name="window">Tokens that it reads at once.</param>
    /// <param name="read">Called with the number of tokens that were scored since it was called last.</param>
    /// <param name="stop">Checked between windows and tokens.</param>
    /// <exception cref="RunFailedException">The weights give no numbers.</exception>
    public static WeightTrial Of(ModelDescription files, Compute compute, WeightForm weights, int[] ids, int window, Action<int>? read = null, CancellationToken stop = default)
    {
        using var model = files.Load(compute, weights: weights);
        TextPerplexity.Of(model, ids[..Math.Min(ids.Length, window)], window, stop: stop); // what is slow the first time only
        var began = TimeProvider.System.GetTimestamp();
        var perplexity = TextPerplexity.Of(model, ids, window, read, stop);
        var scored = (ids.Length - 1) / TimeProvider.System.GetElapsedTime(began).TotalSeconds;
        var prompt = Math.Min(Math.Min(Prompt, ids.Length), model.Config.MaximumPositions / 2);
        var steps = Math.Min(Steps, model.Config.MaximumPositions - prompt - Room);
        return new(weights, perplexity, model.BytesReadPerToken, scored, prompt < 1 || steps < 1 ? null : Decoded(model, ids[..prompt], steps, stop));
    }

    /// <summary>Tokens a second that rows decode together, their prompts' reading not counted.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompt">What all of them go on from.</param>
    /// <param name="rows">How many there are.</param>
    /// <param name="steps">Tokens of each that are timed.</param>
    /// <param name="stop">Checked between tokens.</param>
    public static double DecodedRate(CausalLm model, int[] prompt, int rows, int steps, CancellationToken stop = default)
    {
        using var engine = new DecodingEngine(model) { MaximumRows = rows };
        for (var row = 0; row < rows; row++)
            engine.Submit(new(new(prompt, row), new Seed(1), new() { MaximumNewTokens = steps + Room }));
        engine.Step(stop); // reads the prompts
        var began = TimeProvider.System.GetTimestamp();
        for (var step = 0; step < steps; step++)
            engine.Step(stop);
        return (double)rows * steps / TimeProvider.System.GetElapsedTime(began).TotalSeconds;
    }

    private static double Decoded(CausalLm model, int[] prompt, int steps, CancellationToken stop)
    {
        var rates = new List<double>();
        var began = TimeProvider.System.GetTimestamp();
        do
            rates.Add(DecodedRate(model, prompt, 1, steps, stop));
        while (rates.Count < 3 || TimeProvider.System.GetElapsedTime(began).TotalSeconds < SecondsOfDecoding);
        return rates.Order().ElementAt(rates.Count / 2);
    }
}
