using Attune.Runs;

namespace Attune.Tests.Runs;

public sealed class ReplacedRunTests : IDisposable
{
    private sealed record Settings
    {
        public int Steps { get; init; } = 10;
    }

    private static readonly InputException Unusable = InputException.One("data.jsonl", "is empty", "rows", "write some");
    private readonly string _root = Directory.CreateTempSubdirectory("attune-replaced-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string Folder => Path.Combine(_root, "runs", "one");

    private string Within(Func<Run, string> stage, bool force = false, bool resume = false, int steps = 10) =>
        Run.Within(new Settings { Steps = steps }, new() { Folder = Folder, Force = force, Resume = resume, Settings = new() { CheckpointEvery = 1 } }, stage);

    /// <summary>A stage that leaves every kind of file a stage may leave.</summary>
    private static string Finish(Run run)
    {
        Directory.CreateDirectory(Path.Combine(run.Folder, "tokenizer"));
        File.WriteAllText(Path.Combine(run.Folder, "tokenizer", "tokenizer.json"), "pieces");
        for (var step = run.NextStep; step < 2; step++)
        {
            run.Record(step, new Dictionary<string, double> { ["loss"] = step });
            run.CheckpointIfDue(step, folder => File.WriteAllText(Path.Combine(folder, "state"), $"{step}"));
        }
        Directory.CreateDirectory(run.ModelFolder);
        File.WriteAllText(Path.Combine(run.ModelFolder, "config.json"), "{}");
        File.WriteAllText(Path.Combine(run.Folder, ResultFile.Name), "{}");
        return "done";
    }

    private Dictionary<string, string> Files() => Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories)
        .Where(file => Path.GetFileName(file) != ".lock").ToDictionary(file => Path.GetRelativePath(Folder, file), File.ReadAllText);

    private static string Refuse(Run run)
    {
        Directory.CreateDirectory(Path.Combine(run.Folder, "tokenizer"));
        File.WriteAllText(Path.Combine(run.Folder, "tokenizer", "tokenizer.json"), "other pieces");
        throw Unusable;
    }

    [Fact]
    public void Bad_input_leaves_no_folder_where_there_was_none()
    {
        Assert.Same(Unusable, Assert.Throws<InputException>(() => Within(Refuse)));
        Assert.Empty(Directory.GetFileSystemEntries(_root)); // nor the folders above it
    }

    [Fact]
    public void Bad_input_leaves_an_empty_folder_empty()
    {
        Directory.CreateDirectory(Folder);

        Assert.Throws<InputException>(() => Within(Refuse));

        Assert.Empty(Files());
        Assert.Equal("done", Within(Finish)); // and it can be used
    }

    [Fact]
    public void Bad_input_with_force_brings_the_replaced_run_back_whole()
    {
        Within(Finish);
        var before = Files();
        Assert.Equal(7, before.Count); // recipe, metrics, two checkpoints, model, tokenizer, result

        Assert.Throws<InputException>(() => Within(Refuse, force: true, steps: 99));

        Assert.Equal(before, Files());
        Assert.Empty(Directory.GetFileSystemEntries(Folder, ".replaced*"));
        Assert.Equal("done", Within(Finish, resume: true)); // it is a run as before
    }

    [Fact]
    public void Force_deletes_the_replaced_run_once_there_is_something_new()
    {
        Within(Finish);

        Within(run =>
        {
            Assert.Single(Directory.GetFileSystemEntries(Folder, ".replaced*"));
            Assert.False(File.Exists(Path.Combine(Folder, ResultFile.Name)));
            run.Record(0, new Dictionary<string, double>());
            Assert.Empty(Directory.GetFileSystemEntries(Folder, ".replaced*"));
            return "";
        }, force: true, steps: 99);

        Assert.Equal(["metrics.jsonl", "recipe.yaml"], Files().Keys.Order());
        Assert.Contains("steps: 99", Files()["recipe.yaml"]);
    }

    [Fact]
    public void Bad_input_found_after_the_first_step_keeps_what_was_done()
    {
        Assert.Throws<InputException>(() => Within(run =>
        {
            run.SaveForResume(1, folder => File.WriteAllText(Path.Combine(folder, "state"), "1"));
            throw Unusable;
        }));

        Assert.Equal(1, Checkpoints.Latest(Folder)!.Step);
    }

    [Fact]
    public void Bad_input_of_a_resumed_run_deletes_nothing()
    {
        Within(Finish);
        var before = Files();

        Assert.Throws<InputException>(() => Within(_ => throw Unusable, resume: true));

        Assert.Equal(before, Files());
    }

    [Fact]
    public void A_failure_that_is_no_bad_input_leaves_the_run_to_be_resumed()
    {
        Assert.Throws<RunFailedException>(() => Within(_ => throw new RunFailedException("step 0: the loss is NaN")));

        Assert.True(Run.ExistsIn(Folder));
    }

    [Theory]
    [InlineData(2, new[] { 1 })] // fails in step 2, right after the checkpoint of two steps
    [InlineData(3, new[] { 1, 2 })] // a step succeeded from the newest
    [InlineData(1, new[] { 1 })] // the only one stays
    public void A_checkpoint_that_the_next_step_failed_from_is_not_kept_beside_a_good_one(int failing, int[] left)
    {
        Assert.Throws<RunFailedException>(() => Within(run =>
        {
            for (var step = 0; ; step++)
            {
                if (step == failing)
                    throw new RunFailedException($"step {step}: the loss is NaN");
                run.Record(step, new Dictionary<string, double>());
                if (step < 2)
                    run.CheckpointIfDue(step, folder => File.WriteAllText(Path.Combine(folder, "state"), $"{step}"));
            }
        }));

        Assert.Equal(left, Checkpoints.Of(Folder).Select(checkpoint => checkpoint.Step));
    }
}
