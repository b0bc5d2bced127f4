using Attune.Runs;

namespace Attune.Tests.Runs;

public sealed class AtomicFileTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("attune-atomic-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void A_file_is_replaced_as_a_whole()
    {
        var path = Path.Combine(_root, "new", "a.json");
        AtomicFile.WriteText(path, "old");
        AtomicFile.WriteText(path, "newer");

        Assert.Equal("newer", File.ReadAllText(path));
        Assert.Equal(["a.json"], Directory.GetFileSystemEntries(Path.Combine(_root, "new")).Select(Path.GetFileName));
    }

    [Fact]
    public void A_write_that_fails_leaves_the_old_file_and_no_other()
    {
        var path = Path.Combine(_root, "a.json");
        AtomicFile.WriteText(path, "old");

        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.WriteByte(1);
            throw new InvalidOperationException();
        }));

        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.GetFileSystemEntries(_root));
    }

    [Fact]
    public void A_full_disk_is_told_in_three_parts()
    {
        var path = Path.Combine(_root, "a.json");

        var message = Assert.Throws<RunFailedException>(() => AtomicFile.Write(path, _ => throw new IOException("No space left on device", 28))).Message;

        Assert.Matches(@"^/.*/a\.json could not be written: the disk is full \(.* free\), expected more free space; free some or choose another --out$", message);
    }

    [Fact]
    public void A_place_that_is_a_file_cannot_be_a_folder()
    {
        var file = Path.Combine(_root, "file");
        File.WriteAllText(file, "");

        var message = Assert.Throws<InputException>(() => AtomicFile.RequireWritable(Path.Combine(file, "run"))).Message;

        Assert.StartsWith($"{file}/run has 1 problem\n  cannot be written: ", message);
        Assert.EndsWith("see to that or choose another --out", message);
    }

    [Fact]
    public void Asking_whether_a_folder_can_be_written_leaves_none_behind_and_one_that_was_there_alone()
    {
        var there = Directory.CreateDirectory(Path.Combine(_root, "there")).FullName;

        AtomicFile.RequireWritable(Path.Combine(there, "deep", "run/"));
        Assert.Empty(Directory.GetFileSystemEntries(there));
        AtomicFile.RequireWritable(there);
        Assert.True(Directory.Exists(there));
    }

    [Fact]
    public void Files_are_added_to_a_folder_all_or_none_and_others_stay()
    {
        var path = Path.Combine(_root, "data");
        void Add(string text, Exception? failure = null) => AtomicFolder.Add(path, folder =>
        {
            File.WriteAllText(Path.Combine(folder, "a"), text);
            File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(folder, "sub")).FullName, "b"), text);
            if (failure is not null)
                throw failure;
        });
        Assert.Throws<InvalidOperationException>(() => Add("0", new InvalidOperationException()));
        Assert.Empty(Directory.GetFileSystemEntries(_root));

        Add("1");
        File.WriteAllText(Path.Combine(path, "other"), "stays");
        Assert.Throws<RunFailedException>(() => Add("2", new IOException("No space left on device", 28)));
        Assert.Throws<InvalidOperationException>(() => Add("3", new InvalidOperationException()));
        Assert.Equal(["1", "1", "stays"], new[] { "a", "sub/b", "other" }.Select(name => File.ReadAllText(Path.Combine(path, name))));
        Add("4");

        Assert.Equal(["4", "4", "stays"], new[] { "a", "sub/b", "other" }.Select(name => File.ReadAllText(Path.Combine(path, name))));
        Assert.Equal(["a", "other", "sub"], Directory.GetFileSystemEntries(path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_folder_is_replaced_as_a_whole()
    {
        var path = Path.Combine(_root, "model");
        AtomicFolder.Write(path, folder => File.WriteAllText(Path.Combine(folder, "a"), "1"));
        AtomicFolder.Write(path + "/", folder => File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(folder, "sub")).FullName, "b"), "2"));

        Assert.Equal(["model"], Directory.GetFileSystemEntries(_root).Select(Path.GetFileName));
        Assert.Equal([Path.Combine("sub", "b")], Directory.GetFiles(path, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(path, f)));
    }

    [Fact]
    public void A_folder_that_fails_half_way_leaves_the_old_one_and_no_other()
    {
        var path = Path.Combine(_root, "model");
        AtomicFolder.Write(path, folder => File.WriteAllText(Path.Combine(folder, "a"), "1"));

        Assert.Throws<RunFailedException>(() => AtomicFolder.Write(path, folder =>
        {
            File.WriteAllText(Path.Combine(folder, "b"), "2");
            throw new IOException("No space left on device", 28);
        }));

        Assert.Equal([Path.Combine(path, "a")], Directory.GetFiles(_root, "*", SearchOption.AllDirectories));
    }
}
