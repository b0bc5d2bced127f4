using Attune.Runs;

namespace Attune.Feedback.Aggregation;

/// <summary>What a tie says.</summary>
public enum TieModel
{
    /// <summary>Half a win for each.</summary>
    HalfWin,

    /// <summary>An outcome of its own, the likelier the closer two items are (Davidson 1970).</summary>
    Davidson,
}

/// <summary>What else than the items may move a choice.</summary>
[Flags]
public enum Covariates
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The side: 1 for every comparison, so its coefficient is the log-odds of left between equal items.</summary>
    Side = 1,

    /// <summary>The length: (left − right)/(left + right) of the texts' lengths, from −1 to 1.</summary>
    Length = 2,
}

/// <summary>Settings of <see cref="CovariateBradleyTerry"/>.</summary>
public sealed record CovariateOptions
{
    /// <summary>What a tie says.</summary>
    public TieModel Ties { get; init; }

    /// <summary>What else moves a choice.</summary>
    public Covariates Covariates { get; init; }

    /// <summary>The most steps.</summary>
    public int Iterations { get; init; } = 1_000;

    /// <summary>Stops when no entry of the gradient, a comparison, is larger.</summary>
    public double Tolerance { get; init; } = 1e-9;
}

/// <summary>
/// Bradley–Terry as a model of three outcomes with covariates: with η = s_left − s_right + Σ β x, p(left) : p(right) : p(tie) = e^(η/2) : e^(−η/2) : ν
/// (Davidson 1970; covariates as in Agresti, Categorical data analysis, §11.6). With <see cref="TieModel.HalfWin"/> there is no third outcome, and a tie
/// counts half for each side. Maximum likelihood by <see cref="Lbfgs"/> from zero, without a prior: what always wins goes to infinity and stops where the
/// gradient vanishes. Scores are softmax(s), which sum to 1. The objective is the log-likelihood a comparison. Standard errors come from the observed
/// information with the strengths profiled out; beyond 2,000 items, where that would take minutes, they are NaN.
/// Not here: covariates of workers, ties whose likelihood a covariate moves.
/// </summary>
public static class CovariateBradleyTerry
{
    private const int MostItemsWithErrors = 2_000;

    /// <summary>Fits strengths, ties and covariates.</summary>
    /// <exception cref="InputException">A covariate cannot be told from the strengths.</exception>
    public static PairResult Run(ComparisonSet data, CovariateOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        options ??= new();
        var model = new Outcomes(data, options);
        var items = data.Items.Count;
        var (at, values, isConverged) = Lbfgs.Minimise(model.Loss, new double[model.Size], options.Tolerance, options.Iterations);
        var errors = items <= MostItemsWithErrors ? Information.StandardErrors(model.Hessian(at), model.Size, items) : [.. Enumerable.Repeat(double.NaN, model.Size - items)];
        for (var k = 0; k < model.Names.Count; k++)
        {
            if (items <= MostItemsWithErrors && double.IsNaN(errors[k]))
                throw InputException.One($"The covariate {model.Names[k]}", "cannot be told from the strengths of the items", "comparisons that differ in it and not in the items", "leave it out, or add comparisons of the same items the other way round");
        }
        var scores = at[..items];
        SoftMax.InPlace(scores);
        return new()
        {
            Items = data.Items,
            Scores = scores,
            TieStrength = options.Ties == TieModel.Davidson ? model.HasTies ? Math.Exp(at[^1]) : 0 : null,
            Coefficients = [.. model.Names.Select((name, k) => new Coefficient(name, at[items + k], errors[k]))],
            Iterations = values.Count,
            Objective = values.ConvertAll(value => -value),
            Stopped = isConverged || values.Count < options.Iterations ? StopReason.Converged : StopReason.IterationLimit,
        };
    }

    /// <summary>The scores alone, where coefficients and their errors are not asked for.</summary>
    internal static double[] Scores(ComparisonSet data, CovariateOptions options)
    {
        var model = new Outcomes(data, options);
        var scores = Lbfgs.Minimise(model.Loss, new double[model.Size], options.Tolerance, options.Iterations).At[..data.Items.Count];
        SoftMax.InPlace(scores);
        return scores;
    }

    /// <summary>The mean loss of a comparison with its gradient, for a check of one against the other; parameters are s, β, ln ν in this order.</summary>
    internal static Differentiable LossOf(ComparisonSet data, CovariateOptions options) => new Outcomes(data, options).Loss;

    /// <summary>The loss as a function of s, then β, then ln ν where ties have a strength.</summary>
    private sealed class Outcomes
    {
        private readonly ComparisonSet _data;
        private readonly double[][] _covariates; // each of [row]
        private readonly int _items;

        public Outcomes(ComparisonSet data, CovariateOptions options)
        {
            (_data, _items) = (data, data.Items.Count);
            var (side, length) = (options.Covariates.HasFlag(Covariates.Side), options.Covariates.HasFlag(Covariates.Length));
            Names = [.. side ? new[] { "side" } : [], .. length ? new[] { "length" } : []];
            _covariates = [.. side ? new[] { Enumerable.Repeat(1.0, data.Count).ToArray() } : [], .. length ? new[] { data.LengthLead } : []];
            HasTies = options.Ties == TieModel.Davidson && data.Result.Contains(Winner.Tie); // without any, the likeliest ν is 0
            Size = _items + _covariates.Length + (HasTies ? 1 : 0);
        }

        public IReadOnlyList<string> Names { get; }

        public bool HasTies { get; }

        public int Size { get; }

        public double Loss(double[] at, double[] gradient)
        {
            Array.Clear(gradient);
            var loss = 0.0;
            for (var row = 0; row < _data.Count; row++)
            {
                var (left, right, tie) = Probabilities(at, row, out var logs);
                var (isLeft, isRight, isTie) = Observed(row);
                loss -= (isLeft > 0 ? isLeft * logs.Left : 0) + (isRight > 0 ? isRight * logs.Right : 0) + (isTie > 0 ? logs.Tie : 0);
                var slope = -(isLeft - isRight - (left - right)) / 2 / _data.Count; // by η
                gradient[_data.Left[row]] += slope;
                gradient[_data.Right[row]] -= slope;
                for (var k = 0; k < _covariates.Length; k++)
                    gradient[_items + k] += slope * _covariates[k][row];
                if (HasTies)
                    gradient[^1] -= (isTie - tie) / _data.Count;
            }
            return loss / _data.Count;
        }

        /// <summary>Second derivatives of the log-likelihood's negative, <c>[Size, Size]</c>: the variance of the outcome's derivatives, row by row.</summary>
        public double[] Hessian(double[] at)
        {
            var hessian = new double[Size * Size];
            var (places, factors) = (new List<int>(), new List<double>());
            for (var row = 0; row < _data.Count; row++)
            {
                var (left, right, tie) = Probabilities(at, row, out _);
                var ofDifference = (left + right - (left - right) * (left - right)) / 4;
                (places, factors) = ([_data.Left[row], _data.Right[row]], [1, -1]);
                for (var k = 0; k < _covariates.Length; k++)
                {
                    places.Add(_items + k);
                    factors.Add(_covariates[k][row]);
                }
                for (var i = 0; i < places.Count; i++)
                {
                    for (var j = 0; j < places.Count; j++)
                        hessian[places[i] * Size + places[j]] += factors[i] * factors[j] * ofDifference;
                    if (!HasTies)
                        continue;
                    var mixed = -factors[i] * (left - right) * tie / 2;
                    hessian[places[i] * Size + Size - 1] += mixed;
                    hessian[(Size - 1) * Size + places[i]] += mixed;
                }
                if (HasTies)
                    hessian[^1] += tie * (1 - tie);
            }
            return hessian;
        }

        private (double Left, double Right, double Tie) Observed(int row) => _data.Result[row] switch
        {
            Winner.Left => (1, 0, 0),
            Winner.Right => (0, 1, 0),
            _ => HasTies ? (0, 0, 1) : (0.5, 0.5, 0),
        };

        private (double Left, double Right, double Tie) Probabilities(double[] at, int row, out (double Left, double Right, double Tie) logs)
        {
            var difference = at[_data.Left[row]] - at[_data.Right[row]];
            for (var k = 0; k < _covariates.Length; k++)
                difference += at[_items + k] * _covariates[k][row];
            var tie = HasTies ? at[^1] : double.NegativeInfinity;
            var largest = Math.Max(Math.Abs(difference) / 2, tie);
            var (left, right, level) = (Math.Exp(difference / 2 - largest), Math.Exp(-difference / 2 - largest), Math.Exp(tie - largest));
            var sum = left + right + level;
            var log = largest + Math.Log(sum);
            logs = (difference / 2 - log, -difference / 2 - log, tie - log);
            return (left / sum, right / sum, level / sum);
        }
    }
}

/// <summary>Standard errors of a few parameters among many.</summary>
internal static class Information
{
    private const double Nothing = 1e-9; // of a diagonal entry: what is left of it after elimination is rounding

    /// <summary>
    /// Square roots of the inverse information's diagonal for the last parameters, the first ones profiled out by elimination. Directions of the first that
    /// the data do not decide (strengths have a free level) are passed over; a last one that they do not decide has NaN.
    /// </summary>
    /// <param name="information">Symmetric, <c>[size, size]</c>; it is overwritten.</param>
    /// <param name="size">How many parameters there are.</param>
    /// <param name="first">How many come before those that are asked for.</param>
    public static double[] StandardErrors(double[] information, int size, int first)
    {
        var diagonal = Enumerable.Range(0, size).Select(i => information[i * size + i]).ToArray();
        for (var pivot = 0; pivot < first; pivot++)
            Eliminate(information, size, pivot, diagonal[pivot], from: pivot + 1);
        var errors = new double[size - first];
        for (var k = 0; k < errors.Length; k++)
        {
            var rest = (double[])information.Clone();
            for (var other = first; other < size; other++)
            {
                if (other != first + k)
                    Eliminate(rest, size, other, diagonal[other], from: first);
            }
            var own = rest[(first + k) * size + first + k];
            errors[k] = own > Nothing * diagonal[first + k] ? 1 / Math.Sqrt(own) : double.NaN;
        }
        return errors;
    }

    private static void Eliminate(double[] matrix, int size, int pivot, double scale, int from)
    {
        var own = matrix[pivot * size + pivot];
        if (!(own > Nothing * scale))
            return;
        for (var row = from; row < size; row++)
        {
            var factor = matrix[row * size + pivot] / own;
            if (factor == 0 || row == pivot)
                continue;
            for (var column = from; column < size; column++)
            {
                if (column != pivot)
                    matrix[row * size + column] -= factor * matrix[pivot * size + column];
            }
        }
    }
}
