namespace Attune.Feedback;

/// <summary>
/// Kappa of two raters, 1 − Dₒ/Dₑ: the mean weight of their disagreements over what it would be if each kept their own label frequencies but answered
/// independently (Cohen 1960; with weights Cohen 1968). Labels are numbered in their order. Where independent raters could not disagree, because both
/// always say the same one thing: 1.
/// </summary>
internal sealed class Kappa(int labels)
{
    private readonly double[] _first = new double[labels], _second = new double[labels];
    private double _all, _unequal, _places, _squares; // what was added, and its disagreements by weight

    /// <summary>Begins anew.</summary>
    public void Clear()
    {
        Array.Clear(_first);
        Array.Clear(_second);
        (_all, _unequal, _places, _squares) = (0, 0, 0, 0);
    }

    /// <summary>Adds a unit that both judged.</summary>
    /// <param name="first">The label of one.</param>
    /// <param name="second">The label of the other.</param>
    /// <param name="times">How often it counts.</param>
    public void Add(int first, int second, double times = 1)
    {
        var apart = Math.Abs(first - second);
        _first[first] += times;
        _second[second] += times;
        _all += times;
        _unequal += apart == 0 ? 0 : times;
        _places += times * apart;
        _squares += times * apart * apart;
    }

    /// <summary>The share of units on which they agree; NaN without any.</summary>
    public double Agreed => 1 - _unequal / _all;

    /// <summary>Kappa; NaN where they share no unit.</summary>
    public double Of(KappaWeight weight)
    {
        if (_all == 0)
            return double.NaN;
        var (observed, expected) = weight switch
        {
            KappaWeight.Linear => (_places, ExpectedPlaces()),
            KappaWeight.Quadratic => (_squares, ExpectedSquares()),
            _ => (_unequal, ExpectedUnequal()),
        };
        return expected == 0 ? 1 : 1 - observed / expected;
    }

    // Each is Σ over i, j of first[i]·second[j]·weight(i, j)/all, without the double sum.

    private double ExpectedUnequal()
    {
        var sum = 0.0;
        for (var label = 0; label < labels; label++)
            sum += _first[label] * (_all - _second[label]);
        return sum / _all;
    }

    private double ExpectedPlaces()
    {
        var (sum, below, otherBelow) = (0.0, 0.0, 0.0); // |i − j| counts the borders between labels that lie between the two
        for (var label = 0; label < labels - 1; label++)
        {
            below += _first[label];
            otherBelow += _second[label];
            sum += below * (_all - otherBelow) + otherBelow * (_all - below);
        }
        return sum / _all;
    }

    private double ExpectedSquares()
    {
        var (mean, otherMean, squares) = (0.0, 0.0, 0.0);
        for (var label = 0; label < labels; label++)
        {
            mean += label * _first[label];
            otherMean += label * _second[label];
            squares += (double)label * label * (_first[label] + _second[label]);
        }
        return Math.Max(0, squares - 2 * mean * otherMean / _all);
    }
}
