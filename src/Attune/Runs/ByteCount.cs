namespace Attune.Runs;

/// <summary>Numbers of bytes as people read them.</summary>
public static class ByteCount
{
    private const double Unit = 1024;
    private static readonly string[] Names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary>Three digits and a unit: 1536 is "1.50 KiB", 2^34 is "16.0 GiB".</summary>
    public static string Text(long bytes)
    {
        var (value, unit) = ((double)bytes, 0);
        for (; Math.Abs(value) >= Unit && unit < Names.Length - 1; unit++)
            value /= Unit;
        return unit == 0 ? $"{bytes} B" : $"{value.ToString(value >= 100 ? "0" : value >= 10 ? "0.0" : "0.00")} {Names[unit]}";
    }
}
