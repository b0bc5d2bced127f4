using Attune.Runs;

namespace Attune.Cli.Tests;

public sealed class DiskTests
{
    private sealed record Settings
    {
        public int Steps { get; init; } = 10;
    }

    [SmallDiskFact]
    public void A_disk_that_fills_up_stops_the_run_and_leaves_the_last_checkpoint_and_whole_lines()
    {
        using var disk = new SmallDisk("64k");
        var folder = Path.Combine(disk.Folder, "run");
        string message;
        using (var run = Run.Open(new Settings(), new() { Folder = folder, Settings = new() { CheckpointEvery = 1, KeepLast = 100 } }))
        {
            message = Assert.Throws<RunFailedException>(() =>
            {
                for (var step = 0; step < 100; step++)
                {
                    run.Record(step, new Dictionary<string, double> { ["loss"] = 1.0 / 3 });
                    run.CheckpointIfDue(step, to => File.WriteAllBytes(Path.Combine(to, "weights"), new byte[10_000]));
                }
            }).Message;
        }

        Assert.Matches(@"checkpoints/step-\d{6} could not be written: the disk is full \(.+ free\), expected more free space; " +
            "free some or choose another --out$", message);
        var saved = Checkpoints.Latest(folder)!;
        Assert.Equal(10_000, new FileInfo(Path.Combine(saved.Folder, "weights")).Length);
        Assert.InRange(saved.Step, 2, 6);
        Assert.Equal(saved.Step + 1, MetricsLog.Read(Run.MetricsPath(folder)).Count);
        Assert.DoesNotContain(Directory.GetFileSystemEntries(Path.Combine(folder, "checkpoints")), e => Path.GetFileName(e).StartsWith('.'));
    }

    [SmallDiskFact]
    public void Metrics_that_no_longer_fit_end_with_a_whole_line()
    {
        using var disk = new SmallDisk("16k");
        using (var run = Run.Open(new Settings(), new() { Folder = disk.Folder }))
        {
            var message = Assert.Throws<RunFailedException>(() =>
            {
                for (var step = 0; step < 10_000; step++)
                    run.Record(step, new Dictionary<string, double> { ["loss"] = 1.0 / 3 });
            }).Message;
            Assert.StartsWith($"{disk.Folder}/metrics.jsonl could not be written: the disk is full", message);
        }

        Assert.EndsWith("}\n", File.ReadAllText(Run.MetricsPath(disk.Folder)));
    }

    [SmallDiskFact]
    public void A_disk_that_is_full_from_the_start_is_bad_input()
    {
        using var disk = new SmallDisk("4k");
        File.WriteAllBytes(Path.Combine(disk.Folder, "filler"), new byte[4096]);

        var message = Assert.Throws<InputException>(() => Run.Open(new Settings(), new() { Folder = Path.Combine(disk.Folder, "run") })).Message;

        Assert.Contains("cannot be written: the disk is full", message);
        Assert.Equal(["filler"], Directory.GetFiles(disk.Folder, "*", SearchOption.AllDirectories).Select(Path.GetFileName));
    }

    [UnprivilegedFact]
    public void A_folder_that_may_not_be_written_exits_with_2_and_stays_empty()
    {
        var root = Directory.CreateTempSubdirectory("attune-user-").FullName;
        try
        {
            var (program, locked) = (Path.Combine(root, "program"), Directory.CreateDirectory(Path.Combine(root, "locked")).FullName);
            SmallDisk.Outcome("cp", "-R", AppContext.BaseDirectory, program);
            var corpus = Path.Combine(root, "corpus.txt");
            File.WriteAllText(corpus, "a b a b");
            SmallDisk.Outcome("chmod", "-R", "a+rX", root);

            var (code, _, log) = SmallDisk.Outcome("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                "dotnet", Path.Combine(program, "Attune.Cli.dll"), "tokenizer", "train", corpus, "--vocabulary", "260", "--out", Path.Combine(locked, "mine"));

            Assert.Equal($"{locked}/mine has 1 problem\n  cannot be written: user nobody may not write there, " +
                "expected a place that this user may write; choose another --out or change its permissions\n", log);
            Assert.Equal(2, code);
            Assert.Empty(Directory.GetFileSystemEntries(locked));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }
}
