using Attune.Runs;

namespace Attune.Tests.Runs;

public sealed class MemoryBudgetTests : IDisposable
{
    private const long GiB = 1L << 30;
    private readonly string _root = Directory.CreateTempSubdirectory("attune-proc-").FullName;

    public MemoryBudgetTests() =>
        Put("proc/meminfo", "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\n");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private void Put(string path, string text)
    {
        var full = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }

    [Fact]
    public void A_bare_machine_offers_what_it_has_available() =>
        Assert.Equal(new MemoryBudget(8 * GiB, 16 * GiB), MemoryBudget.Read(_root));

    [Fact]
    public void A_v2_container_offers_its_limit_less_use_but_gives_page_cache_back()
    {
        Put("proc/self/cgroup", "0::/pod/one\n");
        Put("sys/fs/cgroup/pod/one/memory.max", "max\n");
        Put("sys/fs/cgroup/pod/memory.max", $"{4 * GiB}\n");
        Put("sys/fs/cgroup/pod/memory.current", $"{3 * GiB}\n");
        Put("sys/fs/cgroup/pod/memory.stat", $"anon 5\ninactive_file {2 * GiB}\n");

        Assert.Equal(new MemoryBudget(3 * GiB, 4 * GiB), MemoryBudget.Read(_root));
    }

    [Fact]
    public void A_v1_container_seen_from_inside_has_its_files_at_the_mounts_root()
    {
        Put("proc/self/cgroup", "5:devices:/x\n4:cpu,memory:/docker/abc\n");
        Put("sys/fs/cgroup/memory/memory.limit_in_bytes", $"{2 * GiB}\n");
        Put("sys/fs/cgroup/memory/memory.usage_in_bytes", $"{GiB}\n");

        Assert.Equal(new MemoryBudget(GiB, 2 * GiB), MemoryBudget.Read(_root));
    }

    [Fact]
    public void A_v1_container_without_a_limit_is_the_machine()
    {
        Put("proc/self/cgroup", "4:memory:/\n");
        Put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");

        Assert.Equal(new MemoryBudget(8 * GiB, 16 * GiB), MemoryBudget.Read(_root));
    }

    [Fact]
    public void A_need_beyond_the_budget_is_a_problem_in_three_parts()
    {
        var budget = new MemoryBudget(3 * GiB, 4 * GiB);

        Assert.Null(budget.Check("ppo.microBatch", 3 * GiB, "lower it"));
        Assert.Equal(new Problem("ppo.microBatch", "needs about 5.00 GiB of memory, expected at most the 3.00 GiB available; lower it (now 16)"),
            budget.Check("ppo.microBatch", 5 * GiB, "lower it (now 16)"));
    }

    [Fact]
    public void A_graphics_card_is_not_measured_by_the_machines_memory_and_that_is_said()
    {
        var progress = new RecordedProgress();

        Assert.Equal(MemoryBudget.Now().Limit, new ComputeSettings().Memory(progress).Limit);
        Assert.Empty(progress.Warnings);
        Assert.Null(new ComputeSettings { Device = "cuda:1" }.Memory(progress).Check("memory", 1L << 60, ""));
        Assert.Equal(["whether it fits into the memory of cuda:1 is not checked, as libtorch does not tell its size; where it runs out, lower the micro-batch or take a smaller model"], progress.Warnings);
    }

    [Fact]
    public void This_machine_has_some_memory_and_some_disk()
    {
        var budget = MemoryBudget.Now();

        Assert.InRange(budget.Available, 1, budget.Limit);
        Assert.True(DiskSpace.Free(Path.Combine(_root, "not", "there", "yet")) > 0);
        Assert.Null(DiskSpace.Check(_root, 1, "a file"));
        Assert.Contains("expected 1.00 PiB for 3 checkpoints; free some or choose another --out", DiskSpace.Check(_root, 1L << 50, "3 checkpoints")!.Message);
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1536, "1.50 KiB")]
    [InlineData(17179869184, "16.0 GiB")]
    [InlineData(536870912, "512 MiB")]
    public void Byte_counts_have_three_digits(long bytes, string text) => Assert.Equal(text, ByteCount.Text(bytes));
}
