using Attune.Feedback;

namespace Attune.Tests.Feedback;

public sealed class ReliabilityTests
{
    [Fact]
    public void Table_and_error_worked_by_hand()
    {
        var table = Reliability.Of([0.1, 0.3, 0.8, 1.0], [0, 1, 1, 0], bins: 2);

        Assert.Equal(new ReliabilityRow(0, 0.5, 2, 0.2, 0.5), table.Rows[0]);
        Assert.Equal(new ReliabilityRow(0.5, 1, 2, 0.9, 0.5), table.Rows[1]);
        Assert.Equal((0.3 + 0.4) / 2, table.ExpectedCalibrationError, 12);
        Assert.Equal((0.01 + 0.49 + 0.04 + 1) / 4, table.Brier, 12);
    }

    [Fact]
    public void A_pair_says_the_same_whichever_answer_is_called_chosen()
    {
        var one = Reliability.OfPairs([0.75, 0.2], [1, 0.75], bins: 5);
        var turned = Reliability.OfPairs([0.25, 0.8], [0, 0.25], bins: 5);

        Assert.Equal(one.ExpectedCalibrationError, turned.ExpectedCalibrationError, 12);
        Assert.Equal((0.25 + 0.55) / 2, one.ExpectedCalibrationError, 12); // says 0.75 against 1, and 0.8 against 0.25
        Assert.Equal(1, one.Rows[2].Count); // 0.7 to 0.8
    }

    [Fact]
    public void A_predictor_that_is_right_as_often_as_it_says_has_no_error()
    {
        Assert.Equal(0, Reliability.Of([0.75, 0.75, 0.75, 0.75], [1, 1, 0, 1]).ExpectedCalibrationError, 12);
        Assert.True(double.IsNaN(Reliability.Of([], []).ExpectedCalibrationError));
    }

    [Fact]
    public void What_is_no_probability_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Reliability.Of([1.2], [1]));
        Assert.Throws<ArgumentException>(() => Reliability.Of([double.NaN], [1]));
        Assert.Throws<ArgumentException>(() => Reliability.Of([0.5, 0.5], [1]));
    }
}
