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

        Assert.Matches(@"^/.*/a\.json could not be written: the disk is full \(.* free\), expected more free space; free some or choose another --out, then continue with --resume$", message);
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
