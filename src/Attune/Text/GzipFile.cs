using System.IO.Compression;

namespace Attune.Text;

/// <summary>
/// A gzip file with a small gzip member of our own behind it. The decompressor takes a file that breaks off for one that ends; with this behind it,
/// a whole file ends in <see cref="Mark"/> and a broken one does not. Files of several members work as before.
/// </summary>
internal sealed class GzipFile(FileStream file) : Stream
{
    private readonly MemoryStream _tail = new(Tail, writable: false);

    /// <summary>What the decompressed data of a whole file ends with; no line break is in it.</summary>
    public static ReadOnlySpan<byte> Mark => "\0attune: whole to the end\0"u8;

    private static byte[] Tail { get; } = Compressed();

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public static Stream Open(FileStream file) => new GZipStream(new GzipFile(file), CompressionMode.Decompress);

    public override int Read(Span<byte> buffer) => file.Read(buffer) is var read and > 0 ? read : _tail.Read(buffer);

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        file.Dispose();
        _tail.Dispose();
        base.Dispose(disposing);
    }

    private static byte[] Compressed()
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Optimal, leaveOpen: true))
            gzip.Write(Mark);
        return buffer.ToArray();
    }
}
