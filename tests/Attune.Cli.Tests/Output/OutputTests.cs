using Attune.Cli.Output;
using Attune.Runs;

namespace Attune.Cli.Tests.Output;

public sealed class OutputTests
{
    [Fact]
    public void Json_is_one_line_with_numbers_that_round_trip_and_null_for_the_rest() =>
        Assert.Equal("""{"logProbs":[0.1,-1E-300,null,null],"single":0.1,"text":"naïve \"<x>\" 😀","kind":"by-row"}""",
            ResultFile.Json(new { LogProbs = new[] { 0.1, -1e-300, double.NaN, double.NegativeInfinity }, Single = 0.1f, Text = "naïve \"<x>\" 😀", Kind = Kind.ByRow })
                .Replace("\\uD83D\\uDE00", "😀"));

    [Fact]
    public void A_table_sets_numbers_right_and_shows_markup_as_it_is() =>
        Assert.Equal(
            "\n  Name        Win %\n─────────────────────\n  [red]base    50.0\n  sft            -7\n\n",
            new TextTable("", "Name", "Win %").Row("[red]base", "50.0").Row("sft", "-7").Render(80));

    [Fact]
    public void Away_from_a_terminal_a_stage_has_a_line_at_its_start_every_few_seconds_and_at_its_end()
    {
        var clock = new SteppedTime();
        using var log = new StringWriter();
        using var progress = new ConsoleProgress(log, isTerminal: false, () => 80, clock);
        for (var done = 0; done <= 8; done++)
        {
            progress.Report(new("ppo", done, 8, "steps", 0.5, TimeSpan.FromSeconds(2 * (8 - done)), "reward 0.4"));
            clock.Advance(TimeSpan.FromSeconds(2));
        }
        progress.Warn("KL is 40");

        Assert.Equal("""
            ppo  0/8 steps  0 %  0.500 steps/s  0:16 left  reward 0.4
            ppo  3/8 steps  37 %  0.500 steps/s  0:10 left  reward 0.4
            ppo  6/8 steps  75 %  0.500 steps/s  0:04 left  reward 0.4
            ppo  8/8 steps  100 %  0.500 steps/s  reward 0.4
            warning: KL is 40

            """, log.ToString());
    }

    [Fact]
    public void On_a_terminal_one_line_is_redrawn_cut_to_the_width_and_kept_below_messages()
    {
        var clock = new SteppedTime();
        using var log = new StringWriter();
        using (var progress = new ConsoleProgress(log, isTerminal: true, () => 16, clock))
        {
            progress.Report(new("sft", 1, 100, "steps"));
            progress.Report(new("sft", 2, 100, "steps")); // too soon
            clock.Advance(TimeSpan.FromSeconds(1));
            progress.Report(new("sft", 3, 100, "steps"));
            progress.Say("saved");
        }

        Assert.Equal("\r\e[Ksft  1/100 step\r\e[Ksft  3/100 step\r\e[Ksaved\nsft  3/100 step\n", log.ToString());
    }

    private enum Kind
    {
        ByRow,
    }

    private sealed class SteppedTime : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Advance(TimeSpan by) => _ticks += by.Ticks;
    }
}
