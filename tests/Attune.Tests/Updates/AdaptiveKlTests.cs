using Attune.Updates;

namespace Attune.Tests.Updates;

public sealed class AdaptiveKlTests
{
    [Theory] // Ziegler's settings: the step of 0.2 · 512 / 10,000 in both directions
    [InlineData(12, 0.151536)]
    [InlineData(3, 0.148464)]
    [InlineData(6, 0.15)]
    [InlineData(6.6, 0.150768)] // inside the clip: 0.1 · 0.0512
    [InlineData(-4, 0.148464)]
    public void One_step_of_the_original_controller(double kl, double expected) =>
        Assert.Equal(expected, AdaptiveKl.Next(0.15, kl, target: 6, episodes: 512, horizon: 10_000), 1e-12);

    [Fact] // RL4LMs
    public void Three_steps_of_the_controller_without_a_horizon()
    {
        var coefficient = 0.1;
        foreach (var (kl, expected) in new[] { (-0.2, 0.098), (0.3, 0.09996), (0.4, 0.1019592) })
        {
            coefficient = AdaptiveKl.NextPerStep(coefficient, kl, target: 0.1);
            Assert.Equal(expected, coefficient, 1e-12);
        }
    }

    [Fact]
    public void Two_golden_runs_are_followed_step_by_step()
    {
        var runs = Golden.Read("trainers/adaptive-kl.json").List("runs");
        Assert.Equal(2, runs.Length);
        foreach (var run in runs)
        {
            var coefficient = run.Number("init_kl_coef");
            var (kls, after) = (run.GetProperty("observed_kl").Vector(), run.GetProperty("coef_after").Vector());
            Assert.Equal(15, kls.Length);
            for (var i = 0; i < kls.Length; i++)
            {
                coefficient = AdaptiveKl.Next(coefficient, kls[i], run.Number("target"), run.Number("n_steps"), run.Number("horizon"));
                Assert.Equal(after[i], coefficient, 1e-9);
            }
        }
    }
}
