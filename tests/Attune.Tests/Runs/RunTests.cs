using Attune.Runs;

namespace Attune.Tests.Runs;

public sealed class RunTests : IDisposable
{
    private sealed record Settings
    {
        public int Steps { get; init; } = 10;

        [ResultNeutral]
        public RunSettings Run { get; init; } = new();
    }

    private readonly string _root = Directory.CreateTempSubdirectory("attune-run-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string Folder => Path.Combine(_root, "run");

    private Run Open(bool resume = false, bool force = false, Settings? recipe = null, IProgressSink? progress = null) => Run.Open(recipe ?? new(), new()
    {
        Folder = Folder,
        Resume = resume,
        Force = force,
        Settings = new() { CheckpointEvery = 2, KeepLast = 2, KeepEvery = 4 },
        Progress = progress ?? SilentProgress.Instance,
    });

    /// <summary>A trainer whose whole state is a sum.</summary>
    private static void Train(Run run, int until, int killAfter = int.MaxValue)
    {
        var sum = run.ResumedFrom is { } from ? int.Parse(File.ReadAllText(Path.Combine(from.Folder, "sum"))) : 0;
        for (var step = run.NextStep; step < until && step < killAfter; step++)
        {
            sum += step;
            run.Record(step, new Dictionary<string, double> { ["sum"] = sum, ["third"] = sum / 3.0 });
            run.CheckpointIfDue(step, folder => File.WriteAllText(Path.Combine(folder, "sum"), $"{sum}"));
        }
    }

    [Fact]
    public void A_new_run_stores_its_recipe_metrics_and_checkpoints()
    {
        using (var run = Open())
            Train(run, until: 7);

        Assert.Equal(Recipe.ToYaml(new Settings()), File.ReadAllText(Run.RecipePath(Folder)));
        Assert.Equal("{\"step\":0,\"sum\":0,\"third\":0}\n{\"step\":1,\"sum\":1,\"third\":0.3333333333333333}\n",
            string.Concat(File.ReadLines(Run.MetricsPath(Folder)).Take(2).Select(l => l + "\n")));
        Assert.Equal([4, 6], Checkpoints.Of(Folder).Select(c => c.Step)); // 4 both as one of the last two and as a multiple
        Assert.EndsWith("step-000006", Checkpoints.Latest(Folder)!.Folder);
    }

    [Fact]
    public void Old_checkpoints_go_except_those_kept_for_good()
    {
        using (var run = Open())
            Train(run, until: 14);

        Assert.Equal([4, 8, 12, 14], Checkpoints.Of(Folder).Select(c => c.Step));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(7)]
    public void A_killed_and_resumed_run_leaves_the_same_files_as_one_straight_through(int killAfter)
    {
        using (var run = Open())
            Train(run, until: 10, killAfter);
        File.AppendAllText(Run.MetricsPath(Folder), "{\"step\":99,\"su"); // killed while writing a line
        Directory.CreateDirectory(Path.Combine(Folder, "checkpoints", ".step-000008.attune-tmp-1-1"));
        using (var run = Open(resume: true))
        {
            Assert.Equal(killAfter / 2 * 2, run.NextStep);
            Train(run, until: 10);
        }
        var resumed = File.ReadAllText(Run.MetricsPath(Folder));
        using (var run = Open(force: true))
            Train(run, until: 10);

        Assert.Equal(File.ReadAllText(Run.MetricsPath(Folder)), resumed);
        Assert.Equal(Enumerable.Range(0, 10), MetricsLog.Read(Run.MetricsPath(Folder)).Select(r => r.Step));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(Folder, "checkpoints"), ".*"));
    }

    [Fact]
    public void Stopping_saves_the_state_before_the_next_step()
    {
        using (var run = Open())
        {
            Train(run, until: 3);
            run.SaveForResume(3, folder => File.WriteAllText(Path.Combine(folder, "sum"), "3"));
        }
        using var again = Open(resume: true);

        Assert.Equal(3, again.NextStep);
    }

    [Fact]
    public void A_folder_that_holds_a_run_is_not_overwritten()
    {
        using (var run = Open())
            Train(run, until: 2);

        var message = Assert.Throws<InputException>(() => Open()).Message;

        Assert.Equal($"{Folder} has 1 problem\n  holds a run, saved after 2 steps, expected an empty folder; continue it with --resume, or choose another --out", message);
        Assert.Equal(2, MetricsLog.Read(Run.MetricsPath(Folder)).Count);
    }

    [Fact]
    public void A_folder_with_other_files_is_left_alone()
    {
        Directory.CreateDirectory(Folder);
        File.WriteAllText(Path.Combine(Folder, "thesis.tex"), "years");

        var message = Assert.Throws<InputException>(() => Open(force: true)).Message;

        Assert.Equal($"{Folder} has 1 problem\n  holds files that are not a run's, expected an empty folder; choose another --out", message);
        Assert.Equal(["thesis.tex"], Directory.GetFileSystemEntries(Folder).Select(Path.GetFileName));
    }

    [Fact]
    public void Resuming_where_nothing_ran_is_refused_and_leaves_nothing()
    {
        var message = Assert.Throws<InputException>(() => Open(resume: true)).Message;

        Assert.Equal($"{Folder} has 1 problem\n  holds no run, expected a folder with recipe.yaml; leave out --resume to begin one there", message);
        Assert.False(Directory.Exists(Folder));
    }

    [Fact]
    public void Resuming_with_another_recipe_is_refused_unless_the_difference_changes_no_result()
    {
        Open().Dispose();
        Open(resume: true, recipe: new() { Run = new() { KeepLast = 5 } }).Dispose();

        var message = Assert.Throws<InputException>(() => Open(resume: true, recipe: new() { Steps = 20 })).Message;

        Assert.Equal($"{Folder}/recipe.yaml has 1 problem\n  steps  is 20, expected 10, as when the run began; set it back, or begin anew with another --out", message);
        Open(resume: true).Dispose(); // the refused attempt holds no lock
    }

    [Fact]
    public void Two_runs_cannot_share_a_folder_and_a_lock_left_behind_does_not_matter()
    {
        using (Open())
        {
            var message = Assert.Throws<InputException>(() => Open(resume: true)).Message;
            Assert.Equal($"{Folder} has 1 problem\n  is in use by another process, expected a folder for this run alone; wait until the other run ends, or choose another --out", message);
        }
        Assert.True(File.Exists(Path.Combine(Folder, ".lock")));
        Open(resume: true).Dispose();
    }

    [Fact]
    public void Numbers_that_are_not_finite_are_stored_as_null_and_warned_about()
    {
        var progress = new RecordedProgress();
        using (var run = Open(progress: progress))
            run.Record(0, new Dictionary<string, double> { ["loss"] = double.NaN, ["gap"] = double.PositiveInfinity });

        Assert.Equal("{\"step\":0,\"loss\":null,\"gap\":null}\n", File.ReadAllText(Run.MetricsPath(Folder)));
        Assert.Equal(["step 0: loss is NaN, expected a finite number; stored as null", "step 0: gap is ∞, expected a finite number; stored as null"],
            progress.Warnings.Select(w => w.Replace("Infinity", "∞")));
        Assert.True(double.IsNaN(MetricsLog.Read(Run.MetricsPath(Folder))[0].Values["loss"]));
    }

    [Fact]
    public void A_step_is_recorded_once()
    {
        using var run = Open();
        run.Record(3, new Dictionary<string, double>());

        Assert.Throws<ArgumentOutOfRangeException>(() => run.Record(3, new Dictionary<string, double>()));
    }

    [Fact]
    public void A_broken_line_of_metrics_is_named()
    {
        var path = Path.Combine(_root, "metrics.jsonl");
        File.WriteAllText(path, "{\"step\":0}\nnonsense\n{\"step\":1}\n");

        var message = Assert.Throws<InputException>(() => MetricsLog.Read(path)).Message;

        Assert.Equal($"{path} has 1 problem\n  line 2  is not a line of metrics, expected a JSON object with a step and numbers; delete it, or take another copy of the file", message);
    }

    [Fact]
    public void A_checkpoint_that_fails_half_way_leaves_the_one_before()
    {
        using (var run = Open())
        {
            Train(run, until: 2);
            Assert.Throws<RunFailedException>(() => run.SaveForResume(3, folder =>
            {
                File.WriteAllText(Path.Combine(folder, "sum"), "3");
                throw new IOException("cable pulled.");
            }));
        }

        Assert.Equal([2], Checkpoints.Of(Folder).Select(c => c.Step));
        Assert.Equal(["step-000002"], Directory.GetFileSystemEntries(Path.Combine(Folder, "checkpoints")).Select(Path.GetFileName));
    }

    [Fact]
    public void An_old_checkpoint_goes_when_a_step_has_succeeded_from_a_newer_one()
    {
        using (var run = Run.Open(new Settings(), new() { Folder = Folder, Settings = new() { CheckpointEvery = 1, KeepLast = 1 } }))
        {
            Train(run, until: 3);
            Assert.Equal([2, 3], Checkpoints.Of(Folder).Select(c => c.Step)); // nobody knows yet whether step 3 succeeds
            run.Record(3, new Dictionary<string, double>());
            Assert.Equal([3], Checkpoints.Of(Folder).Select(c => c.Step));
            run.SaveForResume(4, folder => File.WriteAllText(Path.Combine(folder, "sum"), "3"));
        }

        Assert.Equal([4], Checkpoints.Of(Folder).Select(c => c.Step)); // it ended without a failure
    }

    [Theory]
    [InlineData(true, 2, new[] { 2, 4 })]
    [InlineData(true, 1, new[] { 4 })]
    [InlineData(false, 2, new[] { 2 })]
    [InlineData(false, 1, new[] { 2 })]
    public void A_write_that_fails_right_after_a_checkpoint_keeps_it_and_a_step_that_fails_does_not(bool isWrite, int keepLast, int[] kept)
    {
        var failure = isWrite ? WriteFailure.WhileRunning("metrics.jsonl", new IOException("No space left on device", 28)) : new RunFailedException("step 4: the loss is NaN");

        Assert.Same(failure, Assert.Throws<RunFailedException>(() => Run.Within(new Settings(), new() { Folder = Folder, Settings = new() { CheckpointEvery = 2, KeepLast = keepLast } }, run =>
        {
            Train(run, until: 4);
            return run.NextStep < 4 ? throw failure : 0;
        })));

        Assert.Equal(kept, Checkpoints.Of(Folder).Select(c => c.Step));
    }

    [Fact]
    public void Settings_out_of_range_are_named()
    {
        var problems = new RunSettings { CheckpointEvery = -1, KeepLast = 0, KeepEvery = -2 }.Check().Concat(new RunSettings { KeepEvery = 150 }.Check());

        Assert.Equal(["checkpointEvery", "keepLast", "keepEvery", "keepEvery"], problems.Select(p => p.Key));
    }
}
