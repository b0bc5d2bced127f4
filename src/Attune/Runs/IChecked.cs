namespace Attune.Runs;

/// <summary>A section of a recipe that knows which of its values make sense.</summary>
public interface IChecked
{
    /// <summary>
    /// Everything wrong with the section's values, or nothing. Keys are relative to the section ("clipRange"); the recipe puts the section's
    /// path in front of them. Not called where a value of the section could not even be read.
    /// </summary>
    IEnumerable<Problem> Check();
}
