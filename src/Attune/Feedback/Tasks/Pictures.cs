using System.Buffers.Text;

namespace Attune.Feedback.Tasks;

/// <summary>
/// Pictures of questions: PNG, JPEG, GIF or WebP, told apart by their first bytes and not by a name. A task holds its picture itself, as a <c>data:</c> address, so that pages load
/// nothing from elsewhere and nothing is lost with a folder.
/// </summary>
public static class Pictures
{
    /// <summary>The largest picture, in bytes: 4 MiB.</summary>
    public const int Largest = 4 << 20;

    /// <summary>How a task holds a picture, for messages.</summary>
    internal const string Form = "data:image/png;base64, (or jpeg, gif, webp) and base64";

    private static readonly string[] Types = ["image/png", "image/jpeg", "image/gif", "image/webp"];

    /// <summary>The type that the first bytes say; null for none of these.</summary>
    public static string? TypeOf(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) ? "image/png"
        : bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]) ? "image/jpeg"
        : bytes.StartsWith("GIF87a"u8) || bytes.StartsWith("GIF89a"u8) ? "image/gif"
        : bytes.Length >= 12 && bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8) ? "image/webp"
        : null;

    /// <summary>What is wrong with a picture as a task holds it; null where nothing is.</summary>
    public static string? Fault(string address)
    {
        ArgumentNullException.ThrowIfNull(address);
        var type = Types.FirstOrDefault(type => address.StartsWith(Start(type), StringComparison.Ordinal));
        if (type is null || !Base64.IsValid(address.AsSpan(Start(type).Length), out var length) || length == 0)
            return $"has the image '{address[..Math.Min(address.Length, 40)]}', expected {Form}";
        if (length > Largest)
            return $"has an image of {length} bytes, expected at most {Largest}";
        var bytes = Convert.FromBase64String(address[Start(type).Length..]);
        return TypeOf(bytes) == type ? null : $"has an image that says {type} and begins as {TypeOf(bytes) ?? "none of these"}, expected one of PNG, JPEG, GIF and WebP under its own type";
    }

    /// <summary>The address of a picture.</summary>
    /// <param name="bytes">The picture, of one of the types.</param>
    internal static string Address(byte[] bytes) => $"{Start(TypeOf(bytes)!)}{Convert.ToBase64String(bytes)}";

    private static string Start(string type) => $"data:{type};base64,";
}

/// <summary>Pictures that came along with a file of tasks: in its folder, or as files of the same upload.</summary>
public sealed class PicturesBeside
{
    private readonly string? _folder;
    private readonly Dictionary<string, byte[]> _files = new(StringComparer.Ordinal);

    private PicturesBeside(string? folder) => _folder = folder;

    /// <summary>Those in a folder and below it.</summary>
    public static PicturesBeside OfFolder(string folder) => new(Path.GetFullPath(folder));

    /// <summary>These files, by name.</summary>
    public static PicturesBeside OfFiles(IEnumerable<(string Name, byte[] Bytes)> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        var beside = new PicturesBeside(null);
        foreach (var (name, bytes) in files)
            beside._files[name[(name.LastIndexOfAny(['/', '\\']) + 1)..]] = bytes;
        return beside;
    }

    /// <summary>The <c>data:</c> address of a file.</summary>
    /// <param name="name">A path below the folder, parted by '/', or a name.</param>
    /// <param name="fault">What is wrong; null where nothing is.</param>
    internal string? Address(string name, out string? fault)
    {
        var parts = name.Split('/');
        if (name.Length > 1_000 || name.AsSpan().IndexOfAny(['\\', ':', '\0']) >= 0 || parts.Any(part => part is "" or "." or ".."))
        {
            fault = $"has the image '{name[..Math.Min(name.Length, 80)]}', expected the name of a file beside this one, or below it with '/', without '..'";
            return null;
        }
        var bytes = _folder is null ? _files.GetValueOrDefault(name) : Read(parts);
        fault = bytes is null ? $"has the image '{name}', which is not there, expected a file beside this one that is no link"
            : bytes.Length > Pictures.Largest ? $"has the image '{name}' of more than {Pictures.Largest} bytes, expected at most so many"
            : Pictures.TypeOf(bytes) is null ? $"has the image '{name}', which begins as none of PNG, JPEG, GIF and WebP, expected one of them" : null;
        return fault is null ? Pictures.Address(bytes!) : null;
    }

    /// <summary>A file below the folder; null where there is none, or a link leads to it: it could lead anywhere.</summary>
    private byte[]? Read(string[] parts)
    {
        var path = _folder!;
        for (var i = 0; i < parts.Length; i++)
        {
            path = Path.Combine(path, parts[i]);
            FileSystemInfo entry = i < parts.Length - 1 ? new DirectoryInfo(path) : new FileInfo(path);
            if (!entry.Exists || entry.LinkTarget is not null)
                return null;
        }
        using var file = File.OpenRead(path);
        var bytes = new byte[Math.Min(file.Length, Pictures.Largest + 1)]; // enough to see that it is too large
        file.ReadExactly(bytes);
        return bytes;
    }
}
