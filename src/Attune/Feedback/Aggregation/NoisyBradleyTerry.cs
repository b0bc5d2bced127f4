namespace Attune.Feedback.Aggregation;

/// <summary>Settings of <see cref="NoisyBradleyTerry"/>.</summary>
public sealed record NoisyBradleyTerryOptions
{
    /// <summary>The most steps.</summary>
    public int Iterations { get; init; } = 200;

    /// <summary>Stops when no entry of the gradient, a comparison, is larger.</summary>
    public double Tolerance { get; init; } = 1e-7;

    /// <summary>How strongly parameters are held at where they start: λ/2 · their squared distance.</summary>
    public double Regularisation { get; init; } = 1e-2;
}

/// <summary>
/// Bradley–Terry with workers who do not always attend (after Chen, Bennett, Collins-Thompson and Horvitz 2013, and crowd-kit's model): worker w attends with
/// probability σ(γ_w) and then prefers left with σ(s_left − s_right); else takes left with σ(q_w), whatever is shown. A tie is half a choice for each side.
/// Maximises Σ ln p − λ/2·(Σ s² + Σ (γ − 1)² + Σ q²) by <see cref="Lbfgs"/> from s = 0, γ = 1, q = 0, without randomness. The gradient is the likelihood's own
/// (the library's is wrong for skills and biases, so its numbers are no target and there is no compatible mode). Scores are softmax(s), which sum to 1 like
/// Bradley–Terry's strengths. The objective is the maximised function divided by the number of comparisons. Not here: that a worker's attention depends on the pair.
/// </summary>
public static class NoisyBradleyTerry
{
    private const double AttentionPrior = 1;

    /// <summary>Fits strengths, attention and biases.</summary>
    public static PairResult Run(ComparisonSet data, NoisyBradleyTerryOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        options ??= new();
        var (items, workers) = (data.Items.Count, data.Workers.Count);
        var start = new double[items + 2 * workers];
        start.AsSpan(items, workers).Fill(AttentionPrior);
        var (at, values, isConverged) = Lbfgs.Minimise(LossOf(data, options.Regularisation), start, options.Tolerance, options.Iterations);
        var scores = at[..items];
        SoftMax.InPlace(scores);
        return new()
        {
            Items = data.Items,
            Scores = scores,
            Skills = Array.ConvertAll(at[items..(items + workers)], Sigmoid),
            LeftBiases = Array.ConvertAll(at[(items + workers)..], Sigmoid),
            Iterations = values.Count,
            Objective = values.ConvertAll(value => -value),
            Stopped = isConverged || values.Count < options.Iterations ? StopReason.Converged : StopReason.IterationLimit,
        };
    }

    /// <summary>What is minimised, a comparison; parameters are s, γ, q in this order.</summary>
    internal static Differentiable LossOf(ComparisonSet data, double regularisation) => (at, gradient) =>
    {
        var (items, workers) = (data.Items.Count, data.Workers.Count);
        var loss = 0.0;
        for (var i = 0; i < at.Length; i++)
        {
            var distance = at[i] - (i >= items && i < items + workers ? AttentionPrior : 0);
            loss += regularisation / 2 * distance * distance;
            gradient[i] = regularisation * distance;
        }
        for (var row = 0; row < data.Count; row++)
        {
            var (left, right, skill, bias) = (data.Left[row], data.Right[row], items + data.Worker[row], items + workers + data.Worker[row]);
            var (attends, prefers, takes) = (Sigmoid(at[skill]), Sigmoid(at[left] - at[right]), Sigmoid(at[bias]));
            var pLeft = attends * prefers + (1 - attends) * takes;
            var pRight = attends * (1 - prefers) + (1 - attends) * (1 - takes);
            var share = data.Result[row] switch { Winner.Left => 1, Winner.Right => 0, _ => 0.5 };
            loss -= (share > 0 ? share * Math.Log(pLeft) : 0) + (share < 1 ? (1 - share) * Math.Log(pRight) : 0);
            // d loss / d p(left), then down to each parameter by σ′ = σ(1 − σ)
            var slope = (share < 1 ? (1 - share) / pRight : 0) - (share > 0 ? share / pLeft : 0);
            var ofDifference = slope * attends * prefers * (1 - prefers);
            gradient[left] += ofDifference;
            gradient[right] -= ofDifference;
            gradient[skill] += slope * (prefers - takes) * attends * (1 - attends);
            gradient[bias] += slope * (1 - attends) * takes * (1 - takes);
        }
        for (var i = 0; i < gradient.Length; i++)
            gradient[i] /= data.Count;
        return loss / data.Count;
    };

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}
